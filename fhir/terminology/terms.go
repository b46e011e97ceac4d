package terminology

import (
	"context"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Source gives resources that are not embedded. What the caller may not see it does not
// have.
type Source interface {
	// Canonical gives the resource of a type with a URL, and a version unless that is "";
	// nil if there is none.
	Canonical(ctx context.Context, typ, url, version string) ([]byte, error)
	// Instance gives the resource of a type with an id, nil if there is none.
	Instance(ctx context.Context, typ, id string) ([]byte, error)
}

// The bounds of what one request may cost.
const (
	mostSteps  = 300_000 // concepts looked at
	mostCodes  = 20_000  // of an expansion
	mostLoaded = 50      // resources of the source
	mostBytes  = 8 << 20 // of these
	mostDeep   = 20      // value sets that import one another
	mostRegex  = 500     // bytes of a pattern
)

// Terms answers the questions of one request. It is not for several goroutines.
type Terms struct {
	source  Source
	systems map[string]*system   // of the source, by canonical URL; nil for what there is not
	sets    map[string]*ValueSet // the same
	maps    map[string]*ConceptMap
	done    map[*ValueSet]*entries // expansions
	path    []*ValueSet            // value sets that are expanded

	steps, loaded, bytes int

	// Spend is told how many concepts are looked at; its error ends the answer. nil is not
	// asked.
	Spend func(concepts int) error
}

// New makes Terms; a nil source has nothing.
func New(source Source) *Terms {
	return &Terms{source: source, systems: map[string]*system{}, sets: map[string]*ValueSet{}, maps: map[string]*ConceptMap{}, done: map[*ValueSet]*entries{}}
}

// spend counts concepts that are looked at.
func (t *Terms) spend(steps int) error {
	if t.Spend != nil {
		if err := t.Spend(steps); err != nil {
			return err
		}
	}
	if t.steps += steps; t.steps > mostSteps {
		return &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("The value sets and code systems of this request lead to more than %d concepts to look at. Ask for smaller ones.", mostSteps)}
	}
	return nil
}

// fetch gets a resource of the source; ask is one of its methods.
func (t *Terms) fetch(ask func() ([]byte, error)) ([]byte, error) {
	if t.source == nil {
		return nil, nil
	}
	if t.loaded++; t.loaded > mostLoaded {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("The request leads to more than %d stored or unknown code systems and value sets.", mostLoaded)}
	}
	body, err := ask()
	if t.bytes += len(body); err == nil && t.bytes > mostBytes {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("The stored code systems and value sets that the request leads to have more than %d MB.", mostBytes>>20)}
	}
	return body, err
}

// of finds a resource by its canonical URL: the embedded one, or that of the source.
func of[T any](ctx context.Context, t *Terms, typ, canonical string, known map[string]*T, compile func([]byte) (*T, string, error)) (*T, error) {
	if made, ok := known[canonical]; ok {
		return made, nil
	}
	url, version, _ := strings.Cut(canonical, "|")
	made, err := embeddedOf(typ, url, version, compile)
	if made != nil || err != nil || url == "" {
		return made, err
	}
	body, err := t.fetch(func() ([]byte, error) { return t.source.Canonical(ctx, typ, url, version) })
	if err != nil {
		return nil, err
	}
	if body != nil {
		if made, _, err = compile(body); err != nil {
			return nil, unreadable(typ, err)
		}
	}
	known[canonical] = made
	return made, nil
}

func unreadable(typ string, err error) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A stored " + typ + " cannot be read.", Err: err}
}

// system finds a code system, nil if it is not known or has no codes.
func (t *Terms) system(ctx context.Context, url, version string) (*system, error) {
	if version != "" {
		url += "|" + version
	}
	s, err := of(ctx, t, "CodeSystem", url, t.systems, compileSystem)
	if s != nil && (s.Content == "supplement" || s.Content == "not-present") {
		return nil, err
	}
	return s, err
}

// known is system, or an error that says that it is not known.
func (t *Terms) known(ctx context.Context, url, version string) (*system, error) {
	s, err := t.system(ctx, url, version)
	if s == nil && err == nil {
		err = unknownSystem()
	}
	return s, err
}

// unknownSystem does not name the system: the value set that does may be one that the
// caller only uses.
func unknownSystem() error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A code system is needed whose codes this server does not have: it has those of R4 and HL7's terminology, and stored CodeSystem resources."}
}

// Set finds a value set by its canonical URL.
func (t *Terms) Set(ctx context.Context, canonical string) (*ValueSet, error) {
	vs, err := of(ctx, t, "ValueSet", canonical, t.sets, compileSet)
	if vs == nil && err == nil {
		err = unknown("ValueSet")
	}
	return vs, err
}

// Map finds a concept map by its canonical URL.
func (t *Terms) Map(ctx context.Context, canonical string) (*ConceptMap, error) {
	m, err := of(ctx, t, "ConceptMap", canonical, t.maps, compileMap)
	if m == nil && err == nil {
		err = unknown("ConceptMap")
	}
	return m, err
}

// unknown is the same whether there is none or the caller may not see it.
func unknown(typ string) error {
	return &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such " + typ + " here, or none that you may see."}
}

// SetAt finds a value set by its id.
func (t *Terms) SetAt(ctx context.Context, id string) (*ValueSet, error) {
	body, err := t.fetch(func() ([]byte, error) { return t.source.Instance(ctx, "ValueSet", id) })
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, unknown("ValueSet")
	}
	return ReadSet(body)
}

// ReadSet reads a value set.
func ReadSet(body []byte) (*ValueSet, error) {
	vs, err := decode[ValueSet](body)
	if err != nil {
		return nil, unreadable("ValueSet", err)
	}
	return vs, nil
}

// ReadMap reads a concept map.
func ReadMap(body []byte) (*ConceptMap, error) {
	m, err := decode[ConceptMap](body)
	if err != nil {
		return nil, unreadable("ConceptMap", err)
	}
	return m, nil
}

// UseSystem lets a code system that the caller sent, or named by its id, count as that of
// its URL; it returns the URL.
func (t *Terms) UseSystem(body []byte) (url string, err error) {
	s, _, err := compileSystem(body)
	if err != nil {
		return "", unreadable("CodeSystem", err)
	}
	t.systems[s.URL] = s
	return s.URL, nil
}
