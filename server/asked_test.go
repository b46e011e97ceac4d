package server

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// The query and Prefer are parsed once.
func TestAskedOnce(t *testing.T) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest("GET", "/fhir/Patient?_format=json&name=a&_pretty=true&_format=xml", nil)
	c.Request.Header.Set("Prefer", "handling=lenient")
	first := askedOf(c)
	if first.format != "json" || len(first.params) != 1 || first.params[0].Value != "a" || !first.lenient || first.err != nil {
		t.Errorf("parsed as %+v", first)
	}
	c.Request.URL.RawQuery = "name=%zz"
	c.Request.Header.Del("Prefer")
	if again := askedOf(c); !again.lenient || again.format != "json" {
		t.Errorf("parsed again, as %+v", again)
	}
	if params, err := queryOf(c); err != nil || len(params) != 1 {
		t.Errorf("params %v, %v", params, err)
	}
}
