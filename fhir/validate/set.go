package validate

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// profilesTable are the profiles and extensions of R4's core: StructureDefinitions without
// their prose, one a line, that the generator in fhir/gen writes.
//
//go:embed profiles.gz
var profilesTable []byte

// core reads the table on the first call.
var core = sync.OnceValues(func() (map[string]json.RawMessage, error) {
	text, err := unpack(profilesTable)
	if err != nil {
		return nil, fmt.Errorf("read profiles of R4: %w", err)
	}
	all := map[string]json.RawMessage{}
	for line := range strings.Lines(text) {
		if err := addDefinition(all, []byte(line)); err != nil {
			return nil, fmt.Errorf("read profiles of R4: %w", err)
		}
	}
	return all, nil
})

func addDefinition(all map[string]json.RawMessage, data []byte) error {
	var head struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	all[head.URL] = data
	return nil
}

// Profiles are the profiles and extensions that are known: those of R4's core, and those
// of packages. They are compiled when first asked for. Its methods may be called by
// several goroutines.
type Profiles struct {
	own map[string]json.RawMessage // of packages, by URL

	mu       sync.Mutex
	compiled map[string]*compiledProfile
}

type compiledProfile struct {
	*profile
	err error // why it cannot be used
}

// NewProfiles makes a set of StructureDefinitions, beside those of the core. A later one
// replaces an earlier one with the same URL.
func NewProfiles(definitions [][]byte) (*Profiles, error) {
	p := &Profiles{own: map[string]json.RawMessage{}, compiled: map[string]*compiledProfile{}}
	for _, d := range definitions {
		if err := addDefinition(p.own, d); err != nil {
			return nil, fmt.Errorf("read StructureDefinition: %w", err)
		}
	}
	return p, nil
}

// get is a profile by its URL, nil if it is not known; err says that it cannot be used.
func (p *Profiles) get(url string) (*profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.find(canonical(url), 0)
}

// mostBases is how many profiles may be derived from one another.
const mostBases = 20

func (p *Profiles) find(url string, depth int) (*profile, error) {
	if c, ok := p.compiled[url]; ok {
		return c.profile, c.err
	}
	data, err := p.source(url)
	if data == nil || err != nil {
		return nil, err
	}
	made, err := p.compile(data, depth)
	if err != nil {
		made, err = nil, fmt.Errorf("profile %s cannot be used: %w", url, err)
	}
	p.compiled[url] = &compiledProfile{made, err}
	return made, err
}

func (p *Profiles) source(url string) (json.RawMessage, error) {
	if data := p.own[url]; data != nil {
		return data, nil
	}
	all, err := core()
	return all[url], err
}

func (p *Profiles) compile(data json.RawMessage, depth int) (*profile, error) {
	var s structure
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	switch {
	case depth > mostBases:
		return nil, fmt.Errorf("more than %d profiles are derived from one another", mostBases)
	case s.Derivation != "constraint" || fhir.R4().TypeIndex(s.Type) < 0:
		return nil, fmt.Errorf("it is no profile of a type of R4")
	case isType(s.BaseDefinition):
		return compile(&s, nil, false)
	}
	base, err := p.find(canonical(s.BaseDefinition), depth+1)
	return compile(&s, base, base == nil || err != nil)
}

// typeURL begins the URLs of R4's types.
const typeURL = "http://hl7.org/fhir/StructureDefinition/"

// isType says whether a URL is that of a type of R4.
func isType(url string) bool { return typeName(url) != "" }

// typeName is the type of R4 whose URL it is, "" if it is none.
func typeName(url string) string {
	name, ok := strings.CutPrefix(canonical(url), typeURL)
	if !ok || fhir.R4().TypeIndex(name) < 0 {
		return ""
	}
	return name
}
