package fhir

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Caught, deferred, turns a panic into the error of a function: where one goroutine works
// for several requests, or keeps what others need, the fault of one must not end all.
func Caught(err *error) {
	if p := recover(); p != nil {
		*err = Panicked(p)
	}
}

// Panicked is the error of a panic. The log gets the stack, and the message only if it is
// the runtime's: others may contain a patient's data.
func Panicked(p any) *Error {
	what := fmt.Sprintf("%T", p)
	if fault, ok := p.(runtime.Error); ok {
		what = fault.Error()
	}
	return &Error{Kind: Internal, Detail: "Something went wrong in the server. Its log has the cause.", Err: fmt.Errorf("panic: %s\n%s", what, debug.Stack())}
}
