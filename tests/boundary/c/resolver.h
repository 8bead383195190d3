/* A name resolution that hangs: in a program that includes this, every look-up waits until the test opens the gate, and
 * fails then. The library calls what the program exports, as the dynamic linker has it. */
#ifndef RESOLVER_H
#define RESOLVER_H

#include "gate.h"

#include <netdb.h>
#include <signal.h>

static gate_t resolver = GATE_CLOSED;

#ifndef _WIN32 /* a DLL calls the system's, whatever the program has */
int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict addresses) {
    (void)node;
    (void)service;
    (void)hints;
    (void)addresses;
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGTERM)); /* on a thread of its own */
    gate_pass(&resolver);
    return EAI_AGAIN;
}
#endif

#endif
