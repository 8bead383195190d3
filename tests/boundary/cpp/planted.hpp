// For eventsource.hpp with faults planted, of which the environment chooses one: see faults.txt.
#ifndef PLANTED_HPP
#define PLANTED_HPP

#include <cstdlib>
#include <cstring>

inline bool planted(const char *name) {
    const char *const chosen = std::getenv("PLANTED");
    return chosen && std::strcmp(chosen, name) == 0;
}

#endif
