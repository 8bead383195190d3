# What is built, of what can be left out: an option for each feature of Cargo.toml.
#
# Sets EVENTSOURCE_FEATURES, options of cargo's; empty where nothing is left out, so that this build and all else that cargo is
# called for share what is compiled.
set(features "")
set(left_out "")
foreach(feature codings cookies http2 proxies tls)
    string(TOUPPER "${feature}" option)
    if(EVENTSOURCE_${option})
        list(APPEND features ${feature})
    else()
        list(APPEND left_out ${feature})
    endif()
endforeach()
set(EVENTSOURCE_FEATURES "")
if(left_out)
    list(JOIN features "," features)
    set(EVENTSOURCE_FEATURES --no-default-features "--features=${features}")
    list(JOIN left_out ", " left_out)
    message(STATUS "libeventsource is built without: ${left_out}")
    # They need all of it.
    set(EVENTSOURCE_BUILD_TESTS OFF)
endif()
