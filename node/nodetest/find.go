package nodetest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// String is an answer for the reader of a failure, without the indentation of samples.
func (r Answer) String() string {
	body := strings.Join(strings.Fields(string(r.Body)), " ")
	return fmt.Sprintf("%s: %d %v\n%.1500s", r.What, r.Status, r.Header, body)
}

// Statuses are the response statuses of a transaction or batch, in its order.
func (r Answer) Statuses() []string {
	r.T.Helper()
	var all []string
	for _, e := range r.Entries() {
		status, _, _ := strings.Cut(e["response"].(map[string]any)["status"].(string), " ")
		all = append(all, status)
	}
	return all
}

// WantStatuses checks them, and that the Bundle itself was taken.
func (r Answer) WantStatuses(want ...string) Answer {
	r.T.Helper()
	if got := r.Want(200).Statuses(); !slices.Equal(got, want) {
		r.T.Errorf("%s: statuses %v, want %v\n%s", r.What, got, want, r.Body)
	}
	return r
}

var step = regexp.MustCompile(`^(\w+)(?:\[(\d+)\])?$`)

// Find follows a path such as entry[0].resource.id. Lists are gone through, so that
// entry.resource.id is all ids; a last step count() is how many there are.
func (r Answer) Find(path string) ([]string, error) {
	var all any
	if err := json.Unmarshal(r.Body, &all); err != nil {
		return nil, err
	}
	nodes := []any{all}
	for s := range strings.SplitSeq(path, ".") {
		if s == "count()" {
			return []string{strconv.Itoa(len(nodes))}, nil
		}
		m := step.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("%q is no step of a path", s)
		}
		nodes = members(nodes, m[1])
		if m[2] != "" {
			n, _ := strconv.Atoi(m[2])
			nodes = nodes[min(n, len(nodes)):min(n+1, len(nodes))]
		}
	}
	var values []string
	for _, n := range nodes {
		text, ok := n.(string)
		if !ok {
			data, err := json.Marshal(n)
			if err != nil {
				return nil, err
			}
			text = string(data)
		}
		values = append(values, text)
	}
	return values, nil
}

func members(nodes []any, name string) (found []any) {
	for _, n := range nodes {
		object, _ := n.(map[string]any)
		switch v := object[name].(type) {
		case nil:
		case []any:
			found = append(found, v...)
		default:
			found = append(found, v)
		}
	}
	return found
}
