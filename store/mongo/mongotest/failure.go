package mongotest

import (
	"fmt"
	"slices"
)

// failure is an error that a client gets as a reply.
type failure struct {
	code   int32
	name   string
	msg    string
	labels []string
	fields []pair // of a write error
}

func (f *failure) Error() string { return f.msg }

const (
	transientTransactionError = "TransientTransactionError"
	retryableWriteError       = "RetryableWriteError"
)

func fail(code int32, name, format string, args ...any) *failure {
	return &failure{code: code, name: name, msg: fmt.Sprintf(format, args...)}
}

func location(code int32, format string, args ...any) *failure {
	return fail(code, fmt.Sprintf("Location%d", code), format, args...)
}

func badValue(format string, args ...any) *failure { return fail(2, "BadValue", format, args...) }

func failedToParse(format string, args ...any) *failure {
	return fail(9, "FailedToParse", format, args...)
}

func invalidOptions(format string, args ...any) *failure {
	return fail(72, "InvalidOptions", format, args...)
}

// unmodelled refuses what the real server would do and this one does not.
func unmodelled(format string, args ...any) *failure {
	return fail(238, "NotImplemented", "mongotest does not model %s", fmt.Sprintf(format, args...))
}

func writeConflict() *failure {
	return fail(112, "WriteConflict", "WriteConflict error: this operation conflicted with another operation. Please retry your operation or multi-document transaction.")
}

func (f *failure) label(name string) *failure {
	if slices.Contains(f.labels, name) {
		return f
	}
	c := *f
	c.labels = append(slices.Clone(f.labels), name)
	return &c
}

func (f *failure) reply() document {
	var list []pair
	if len(f.labels) > 0 {
		var labels []value
		for _, l := range f.labels {
			labels = append(labels, stringValue(l))
		}
		list = append(list, pair{"errorLabels", arrayValue(labels...)})
	}
	return build(append(list, pair{"ok", doubleValue(0)}, pair{"errmsg", stringValue(f.msg)},
		pair{"code", intValue(f.code)}, pair{"codeName", stringValue(f.name)})...)
}
