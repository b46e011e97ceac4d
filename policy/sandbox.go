package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed are the functions that a policy may call: pure, quick and bounded by the
// size of their arguments. Not among them, on purpose: the network (http.send,
// net.*), the environment (opa.runtime), clocks and chance (time.now_ns, rand.*,
// uuid.*: the time of the request is input.now), output (trace; print is taken out), what
// makes much from little (numbers.range, product, bits.lsh, sprintf with widths), and
// what parses other formats (json, yaml, jwt, x509).
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

// sandbox is what the compiler accepts of the language.
func sandbox() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	names := strings.Fields(allowed)
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return !slices.Contains(names, b.Name)
	})
	c.AllowNet = []string{}
	return c
}
