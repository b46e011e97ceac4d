package server

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// view is the part of each resource that a client wants: _summary and _elements.
type view struct {
	summary  string
	elements []string
}

// of is the part of a body that the client wants.
func (v view) of(body []byte) ([]byte, error) {
	if v.whole() {
		return body, nil
	}
	return fhir.Subset(body, v.summary, v.elements)
}

func (v view) whole() bool { return (v.summary == "" || v.summary == "false") && len(v.elements) == 0 }

// viewOf reads the parameters of an interaction that has no others.
func viewOf(c *gin.Context) (view, error) {
	params, err := queryOf(c)
	if err != nil {
		return view{}, err
	}
	return parseView(params, askedOf(c).lenient)
}

func parseView(params []fhir.Param, lenient bool) (view, error) {
	var v view
	var unknown error
	for _, p := range params {
		switch p.Name {
		case "_summary":
			v.summary = p.Value
			if !slices.Contains([]string{"true", "text", "data", "false"}, p.Value) {
				return v, &fhir.Error{Kind: fhir.Invalid, Detail: "_summary is true, text, data or false here.", Expression: "_summary"}
			}
		case "_elements":
			if len(v.elements) > 0 {
				return v, &fhir.Error{Kind: fhir.Invalid, Detail: "Give the parameter only once.", Expression: "_elements"}
			}
			var err error
			if v.elements, err = fhir.ParseElements(p.Value); err != nil {
				return v, err
			}
		default:
			if unknown == nil && !lenient {
				unknown = unknownParam(p.Name)
			}
		}
	}
	return v, unknown
}

// noParams refuses parameters of an operation that has none.
func noParams(c *gin.Context) error {
	params, err := queryOf(c)
	if err == nil && len(params) > 0 && !askedOf(c).lenient {
		err = unknownParam(params[0].Name)
	}
	return err
}

// unknownParam refuses a parameter. It repeats names that are plain words only.
func unknownParam(name string) error {
	if len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		name = ""
	}
	return &fhir.Error{Kind: fhir.Invalid, Detail: "A parameter is not supported for this interaction.", Expression: name}
}
