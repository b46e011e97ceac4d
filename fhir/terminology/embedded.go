package terminology

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// embedded has one resource in each line: its type, a space, its URL, a space, its JSON.
//
//go:generate go run ./gen -definitions $FHIR_DEFINITIONS -terminology $FHIR_TERMINOLOGY -out embedded.gz
//go:embed embedded.gz
var embedded []byte

// lasting is an embedded resource, compiled when it is needed.
type lasting struct {
	body    []byte
	once    sync.Once
	made    any
	version string
	err     error
}

// lines are the embedded resources by type and URL ("ValueSet http://...").
var lines = sync.OnceValues(func() (map[string]*lasting, error) {
	z, err := gzip.NewReader(bytes.NewReader(embedded))
	if err != nil {
		return nil, fmt.Errorf("read the embedded terminology: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("read the embedded terminology: %w", err)
	}
	all := map[string]*lasting{}
	for line := range bytes.Lines(text) {
		at := bytes.IndexByte(line, '{')
		if at < 2 {
			return nil, fmt.Errorf("the embedded terminology has a malformed line of %d bytes", len(line))
		}
		all[string(line[:at-1])] = &lasting{body: line[at:]}
	}
	return all, nil
})

// embeddedOf gives what is embedded under a URL and version ("" for any), nil if nothing is.
func embeddedOf[T any](typ, url, version string, compile func([]byte) (*T, string, error)) (*T, error) {
	all, err := lines()
	if err != nil {
		return nil, err
	}
	l := all[typ+" "+url]
	if l == nil {
		return nil, nil
	}
	l.once.Do(func() { l.made, l.version, l.err = compile(l.body) })
	if l.err != nil || version != "" && version != l.version {
		return nil, l.err
	}
	return l.made.(*T), nil
}

// Embedded lists the URLs of the embedded resources of a type.
func Embedded(typ string) (urls []string, err error) {
	all, err := lines()
	for key := range all {
		if url, ok := strings.CutPrefix(key, typ+" "); ok {
			urls = append(urls, url)
		}
	}
	return urls, err
}

func decode[T any](body []byte) (*T, error) {
	made := new(T)
	return made, json.Unmarshal(body, made)
}

func compileSystem(body []byte) (*system, string, error) {
	cs, err := decode[CodeSystem](body)
	if err != nil {
		return nil, "", err
	}
	return newSystem(cs), cs.Version, nil
}

func compileSet(body []byte) (*ValueSet, string, error) {
	vs, err := decode[ValueSet](body)
	return vs, vs.Version, err
}

func compileMap(body []byte) (*ConceptMap, string, error) {
	m, err := decode[ConceptMap](body)
	return m, m.Version, err
}
