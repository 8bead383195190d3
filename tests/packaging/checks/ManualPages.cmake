# Each function has a manual page, and mandoc has no complaint about one but for the length of lines in its source.
#   cmake -D FOLDER=<pages> -D LIST=<exports.txt> -D MANDOC=<mandoc> -P ManualPages.cmake
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${LIST}" names)
foreach(name IN LISTS names ITEMS libeventsource)
    if(NOT EXISTS "${FOLDER}/${name}.3")
        message(FATAL_ERROR "There is no manual page of ${name}")
    endif()
endforeach()
file(GLOB pages "${FOLDER}/*.3")
execute_process(COMMAND "${MANDOC}" -T lint -W warning ${pages} OUTPUT_VARIABLE complaints RESULT_VARIABLE status)
if(complaints OR status)
    message(FATAL_ERROR "mandoc complains:\n${complaints}")
endif()
