// What the tests of eventsource.hpp share: URLs of the test server, and what comes of a call that is to fail.
#ifndef CALLS_HPP
#define CALLS_HPP

#include "../c/check.h"

#include <eventsource.hpp>

#include <exception>
#include <string>

inline std::string at(const std::string &target) { return check_url + target; }

// The status with which a call is refused, EVENTSOURCE_OK if it is not.
template <typename Call>
eventsource_status_t refusal(Call call) {
    try {
        call();
        return EVENTSOURCE_OK;
    } catch (const eventsource::error &error) {
        return error.status();
    }
}

// What a call throws; empty if it throws nothing.
template <typename Call>
std::string thrown(Call call) {
    try {
        call();
        return "";
    } catch (const std::exception &exception) {
        return exception.what();
    }
}

#endif
