package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed are the functions that a policy may call: pure, fast and bounded by the
// size of their arguments. It excludes the network (http.send, net.*), the
// environment (opa.runtime), clocks and randomness (time.now_ns, rand.*, uuid.*: the
// time of the request is input.now), output (trace; print is removed), functions
// with large results (numbers.range, product, bits.lsh, sprintf with widths), and
// parsers (json, yaml, jwt, x509).
const allowed = `
abs all and any array.concat array.reverse array.slice assign ceil concat contains count div
endswith eq equal floor format_int gt gte indexof internal.member_2 internal.member_3 intersection
is_array is_boolean is_null is_number is_object is_set is_string lower lt lte max min minus mul neq
object.filter object.get object.keys object.remove object.subset object.union object.union_n or plus
regex.is_valid regex.match rem replace round set_diff sort split startswith strings.any_prefix_match
strings.any_suffix_match strings.count substring sum time.add_date time.clock time.date time.diff
time.parse_duration_ns time.parse_rfc3339_ns time.weekday to_number trim trim_left trim_prefix
trim_right trim_space trim_suffix type_name union upper
`

// sandbox is the part of the language that the compiler accepts.
func sandbox() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	names := strings.Fields(allowed)
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return !slices.Contains(names, b.Name)
	})
	c.AllowNet = []string{}
	return c
}
