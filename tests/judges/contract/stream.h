/* A stream of the contract tests: one client of the library, and what it tells the harness. */
#ifndef CONTRACT_STREAM_H
#define CONTRACT_STREAM_H

#include <jansson.h>
#include <stddef.h>

typedef struct stream_t stream_t;

/* Makes and starts a stream from the harness's parameters. Else answers NULL, and says why in `why`. */
stream_t *stream_start(json_t *parameters, char *why, size_t why_size);

/* Does what a command asks. Answers 1, or 0 for one that makes no sense, and says why in `why`. */
int stream_command(stream_t *stream, json_t *command, char *why, size_t why_size);

/* Stops and releases a stream: nothing is posted for it when this has returned. */
void stream_stop(stream_t *stream);

#endif
