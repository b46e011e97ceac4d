package policy

import (
	"fmt"
	"io/fs"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Format returns the files of a policy folder that are not formatted, by path, in
// their formatted version.
func Format(fsys fs.FS) (map[string][]byte, error) {
	s, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	changed := map[string][]byte{}
	for _, files := range []map[string]string{s.rego, s.tests} {
		for name, text := range files {
			out, err := formatted(name, text)
			if err != nil {
				return nil, err
			}
			if out != text {
				changed[name] = []byte(out)
			}
		}
	}
	return changed, nil
}

// formatted formats one file. It checks that the result means the same: the
// formatter is known to garble some else chains that end with a string.
func formatted(name, text string) (string, error) {
	out, err := format.SourceWithOpts(name, []byte(text), format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		return "", fmt.Errorf("format policies: %w", err)
	}
	modules, err := parse(map[string]string{"before": text, "after": string(out)})
	if err != nil || !modules["before"].Equal(modules["after"]) {
		return "", fmt.Errorf("format policies: %s: the formatter would change its meaning; "+
			"put conditions that end a chain of else with a string in braces", name)
	}
	return string(out), nil
}
