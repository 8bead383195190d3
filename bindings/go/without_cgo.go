//go:build !cgo

package eventsource

// Go's own message for a package that is all cgo, "build constraints exclude all Go files", names no remedy.
var _ = this_package_calls_a_C_library_set_CGO_ENABLED_to_1_and_install_a_C_compiler
