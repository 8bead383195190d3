# The Node package as it is handed out, with the library inside: the archive of `npm pack` is installed in an empty folder; the
# programs that it shows, its tests and its types. Nothing else has the library there.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/node")

file(REMOVE_RECURSE "${WORK}")
# It asks only for what Debian's Python has.
fetch(python3 "${SOURCE}/packaging/bindings" node "${PREFIX}/${LIBDIR}/libeventsource.so" --output "${WORK}")
file(MAKE_DIRECTORY "${WORK}/app")
file(WRITE "${WORK}/app/package.json" "{ \"private\": true, \"type\": \"module\" }\n")
# Without scripts: what koffi needs is compiled already.
set(install npm install --prefix "${WORK}/app" --prefer-offline --ignore-scripts --no-audit --no-fund --silent)
fetch(${install} "${WORK}/libeventsource-${VERSION}.tgz")
set(package "${WORK}/app/node_modules/libeventsource")

run_tail("${NODE}" "${package}/tail.js")
run_chat("${NODE}" "${package}/chat.js")
readme_program("${BINDING}/README.md" js "${WORK}/app/readme.js")
run_program("${NODE}" "${WORK}/app/readme.js")
# As CommonJS, too.
file(WRITE "${WORK}/app/required.cjs" "const { EventSource } = require('libeventsource');
const source = new EventSource(process.argv[2]);
source.onmessage = ({ type, data }) => console.log(`\${type}: \${data}`);
")
run_program("${NODE}" "${WORK}/app/required.cjs")

file(COPY "${BINDING}/test" DESTINATION "${WORK}/app")
fetch(${install} typescript @types/node)
run(${CMAKE_COMMAND} -E chdir "${WORK}/app" node_modules/.bin/tsc --noEmit --strict --target es2023 --lib es2023,dom,esnext.disposable
    --module nodenext --types node test/typed.ts)
set(ENV{EVENTSOURCE_TEST_SERVER} "${SERVER}")
file(GLOB tests "${WORK}/app/test/*.test.js")
run("${NODE}" --test --test-timeout=600000 ${tests})

file(REMOVE_RECURSE "${WORK}")
