package web_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/web"
)

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

// Every colour of text stands out from those behind it, by day and by night (WCAG 2,
// contrast of at least 4.5).
func TestContrast(t *testing.T) {
	day, night, _ := strings.Cut(string(web.Style()), "prefers-color-scheme: dark")
	for scheme, css := range map[string]string{"day": day, "night": night} {
		colours := map[string]float64{}
		for _, m := range colour.FindAllStringSubmatch(css, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, pair := range strings.Fields(`ink/ground ink/surface ink/tint ink/plain-tint muted/ground muted/surface accent/ground accent/surface
			on-accent/accent good/good-tint warn/warn-tint bad/bad-tint`) {
			text, behind, _ := strings.Cut(pair, "/")
			a, known := colours[text]
			b, too := colours[behind]
			if !known || !too {
				t.Fatalf("%s: no colours for %s", scheme, pair)
			}
			if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
				t.Errorf("%s: %s has a contrast of %.1f", scheme, pair, ratio)
			}
		}
	}
}

// luminance is the relative luminance of a colour, as WCAG 2 defines it.
func luminance(t *testing.T, hex string) (l float64) {
	t.Helper()
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			l += weight * c / 12.92
			continue
		}
		l += weight * math.Pow((c+.055)/1.055, 2.4)
	}
	return l
}

// Styles load nothing either.
func TestStyleIsOurOwn(t *testing.T) {
	css := string(web.Style())
	for _, foreign := range []string{"url(", "@import", "http:", "https:", "expression("} {
		if strings.Contains(css, foreign) {
			t.Errorf("%s in the stylesheet", foreign)
		}
	}
	if !strings.Contains(css, "prefers-color-scheme: dark") {
		t.Error("no colours for the night")
	}
}
