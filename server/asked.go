package server

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// asked is what the query of the URL and the Prefer header say.
type asked struct {
	preference
	format string       // of the answer: _format, "" is none
	pretty bool         // _pretty=true
	params []fhir.Param // the others
	err    error        // if the query is malformed
}

// askedOf parses them once for each request.
func askedOf(c *gin.Context) asked {
	x := exchangeOf(c)
	if x.asked != nil {
		return *x.asked
	}
	prefer, query := c.Request.Header.Values("Prefer"), c.Request.URL.RawQuery
	if query == "" && len(prefer) == 0 { // as in most requests
		return asked{preference: preferOf(nil)}
	}
	a := parseAsked(prefer, query)
	x.asked = &a
	return a
}

func parseAsked(prefer []string, query string) asked {
	a := asked{preference: preferOf(prefer)}
	params, err := fhir.ParseParams(query)
	if err != nil {
		a.err = err
		return a
	}
	a.present(params)
	a.params = withoutFormat(params)
	return a
}

// present reads the parameters of how the answer looks.
func (a *asked) present(params []fhir.Param) {
	for _, p := range params {
		switch {
		case p.Name == "_format" && a.format == "":
			a.format = p.Value
		case p.Name == "_pretty":
			a.pretty = p.Value == "true"
		}
	}
}

// presentBy has the parameters of a form say how the answer looks, where the URL does not.
func presentBy(c *gin.Context, form []fhir.Param) error {
	a, x := askedOf(c), exchangeOf(c)
	asked := a.format
	a.present(form)
	x.asked = &a
	if a.format == asked {
		return nil
	}
	media, ok := acceptable(a.format, nil)
	if !ok {
		return &fhir.Error{Kind: fhir.Invalid, Detail: notAcceptable(a.format, nil), Expression: "_format"}
	}
	x.media = media
	return nil
}

func queryOf(c *gin.Context) ([]fhir.Param, error) {
	a := askedOf(c)
	return a.params, a.err
}

// withoutFormat removes the parameters that the gate does not need.
func withoutFormat(params []fhir.Param) []fhir.Param {
	return slices.DeleteFunc(params, func(p fhir.Param) bool { return p.Name == "_format" || p.Name == "_pretty" })
}

// preference is what the Prefer header asks for. Unknown preferences are ignored, as
// RFC 7240 wants.
type preference struct {
	result  string // of return: minimal, representation, OperationOutcome or ""
	lenient bool
	later   bool          // respond-async: answer when the client asks again
	anchor  bool          // anchor=wait: answer when the record is on the ledger
	wait    time.Duration // wait=SECONDS: but not later than that
}

func preferOf(headers []string) preference {
	p := preference{wait: usualWait}
	fields := strings.FieldsFunc(strings.Join(headers, ","), func(c rune) bool { return c == ',' || c == ';' })
	for _, field := range fields {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "return":
			p.result = value
		case "respond-async":
			p.later = true
		case "handling":
			p.lenient = strings.EqualFold(value, "lenient")
		case "anchor":
			p.anchor = value == "wait"
		case "wait":
			if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
				p.wait = time.Duration(seconds) * time.Second
			}
		}
	}
	return p
}
