package server

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// view is the part of resources that a client wants: _summary and _elements.
type view struct {
	summary  string
	elements []string
}

// of returns the body, or the part of it that is wanted.
func (v view) of(body []byte) ([]byte, error) {
	if v.whole() {
		return body, nil
	}
	return fhir.Subset(body, v.summary, v.elements)
}

func (v view) whole() bool { return (v.summary == "" || v.summary == "false") && len(v.elements) == 0 }

// queryOf is the query string without what is for the server alone.
func queryOf(c *gin.Context) ([]fhir.Param, error) {
	params, err := fhir.ParseParams(c.Request.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	return withoutFormat(params), nil
}

func withoutFormat(params []fhir.Param) []fhir.Param {
	return slices.DeleteFunc(params, func(p fhir.Param) bool { return p.Name == "_format" || p.Name == "_pretty" })
}

// viewOf reads the parameters of an interaction that has no others.
func viewOf(c *gin.Context) (view, error) {
	params, err := queryOf(c)
	if err != nil {
		return view{}, err
	}
	v, rest, err := takeView(params)
	if err == nil && len(rest) > 0 && !preferOf(c.Request).lenient {
		err = unknownParam(rest[0].Name)
	}
	return v, err
}

// takeView splits _summary and _elements off.
func takeView(params []fhir.Param) (v view, rest []fhir.Param, err error) {
	for _, p := range params {
		switch p.Name {
		case "_summary":
			v.summary = p.Value
			if !slices.Contains([]string{"true", "text", "data", "false"}, p.Value) {
				return v, nil, &fhir.Error{Kind: fhir.Invalid, Detail: "_summary is true, text, data or false here.", Expression: "_summary"}
			}
		case "_elements":
			v.elements = append(v.elements, strings.Split(p.Value, ",")...)
		default:
			rest = append(rest, p)
		}
	}
	return v, rest, nil
}

// unknownParam refuses a parameter; only names that are plain words are repeated.
func unknownParam(name string) error {
	if len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		name = ""
	}
	return &fhir.Error{Kind: fhir.Invalid, Detail: "A parameter is not supported for this interaction.", Expression: name}
}
