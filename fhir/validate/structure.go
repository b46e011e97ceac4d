package validate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// structure is what is read of a StructureDefinition.
type structure struct {
	ResourceType   string `json:"resourceType"`
	URL            string `json:"url"`
	Version        string `json:"version"`
	Kind           string `json:"kind"`
	Type           string `json:"type"`
	Derivation     string `json:"derivation"`
	BaseDefinition string `json:"baseDefinition"`
	Context        []struct {
		Type       string `json:"type"`
		Expression string `json:"expression"`
	} `json:"context"`
	Differential struct {
		Element []element `json:"element"`
	} `json:"differential"`
	Snapshot struct {
		Element []element `json:"element"`
	} `json:"snapshot"`
}

// element is an ElementDefinition.
type element struct {
	ID               string `json:"id"`
	Path             string `json:"path"`
	SliceName        string `json:"sliceName"`
	Min              *int32 `json:"min"`
	Max              string `json:"max"`
	MaxLength        int    `json:"maxLength"`
	ContentReference string `json:"contentReference"`
	Type             []struct {
		Code          string   `json:"code"`
		Profile       []string `json:"profile"`
		TargetProfile []string `json:"targetProfile"`
	} `json:"type"`
	Slicing *struct {
		Discriminator []discriminator `json:"discriminator"`
		Rules         string          `json:"rules"`
		Ordered       bool            `json:"ordered"`
	} `json:"slicing"`
	Binding *struct {
		Strength string `json:"strength"`
		ValueSet string `json:"valueSet"`
	} `json:"binding"`
	Constraint []struct {
		Key        string `json:"key"`
		Severity   string `json:"severity"`
		Expression string `json:"expression"`
	} `json:"constraint"`
	values map[string]json.RawMessage // fixed[x], pattern[x], minValue[x] and maxValue[x], by name without the type
}

// discriminator tells slices apart.
type discriminator struct {
	Type string `json:"type"` // value pattern exists type profile
	Path string `json:"path"`
}

// UnmarshalJSON also reads the elements whose names end in a type.
func (e *element) UnmarshalJSON(data []byte) error {
	type plain element
	if err := json.Unmarshal(data, (*plain)(e)); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for name, value := range members {
		for _, prefix := range []string{"fixed", "pattern", "minValue", "maxValue"} {
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && 'A' <= rest[0] && rest[0] <= 'Z' {
				if e.values == nil {
					e.values = map[string]json.RawMessage{}
				}
				e.values[prefix] = value
			}
		}
	}
	return nil
}

// most is the maximum, -1 if none is given or it is *.
func (e *element) most() (int32, error) {
	if e.Max == "" || e.Max == "*" {
		return -1, nil
	}
	n, err := strconv.ParseUint(e.Max, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("element %s: its max is no number", e.Path)
	}
	return int32(n), nil
}

// segment is one step to an element: its name and the slice meant, if one is.
type segment struct{ name, slice string }

// segments are the steps to an element, without the type: from its id, which names
// slices, or else from its path and slice name.
func (e *element) segments() []segment {
	id := e.ID
	if id == "" {
		if id = e.Path; e.SliceName != "" {
			id += ":" + e.SliceName
		}
	}
	parts := strings.Split(id, ".")
	steps := make([]segment, 0, len(parts))
	for _, part := range parts[1:] {
		name, slice, _ := strings.Cut(part, ":")
		steps = append(steps, segment{name, slice})
	}
	return steps
}

// canonical is a URL without its version.
func canonical(url string) string {
	url, _, _ = strings.Cut(url, "|")
	return url
}
