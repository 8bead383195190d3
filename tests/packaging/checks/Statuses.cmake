# No test ignores whether a setter was refused: what it sets would then not be tested.
#   cmake -D FOLDERS=<folder>,... -P Statuses.cmake
cmake_minimum_required(VERSION 3.25)

string(REPLACE "," ";" FOLDERS "${FOLDERS}")
set(ignored "")
foreach(folder IN LISTS FOLDERS)
    file(GLOB sources "${folder}/*.c" "${folder}/*.h" "${folder}/*.cpp")
    if(NOT sources)
        message(FATAL_ERROR "${folder} holds no tests")
    endif()
    foreach(source IN LISTS sources)
        # A call that is a statement of its own.
        file(STRINGS "${source}" lines REGEX "^ +eventsource_(set|on|runtime_set|request_set)_[a-z_]*\\(")
        foreach(line IN LISTS lines)
            string(STRIP "${line}" line)
            cmake_path(GET source FILENAME name)
            string(APPEND ignored "\n  ${name}: ${line}")
        endforeach()
    endforeach()
endforeach()
if(ignored)
    message(FATAL_ERROR "Nobody looks at the status of:${ignored}")
endif()
