package validate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

func ips(t testing.TB) (*validate.Validator, string) {
	dir := os.Getenv("ACESO_IPS")
	if dir == "" {
		t.Skip("SKIPPED: no IPS")
	}
	p, err := validate.ReadFolder(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := p.Pack()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(packed))
	var all [][]byte
	for _, d := range p.Profiles {
		all = append(all, d)
	}
	profiles, err := validate.NewProfiles(all)
	if err != nil {
		t.Fatal(err)
	}
	return &validate.Validator{Profiles: profiles}, dir
}

func TestIPSExamples(t *testing.T) {
	v, dir := ips(t)
	files, _ := filepath.Glob(filepath.Join(dir, "example", "*.json"))
	for _, file := range files {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		issues, err := v.Check(t.Context(), r, validate.Options{Declared: true, Warnings: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, i := range issues {
			if !i.Warning || i.Code != "invariant" {
				t.Errorf("%s: %v %s %s %s", name, i.Warning, i.Code, i.Expression, i.Detail)
			}
		}
	}
}
