package fhirpath

import (
	"sync"
)

// Expression is a compiled expression. It is immutable but for what it remembers of
// types, and may be used by several goroutines at once.
type Expression struct {
	text string
	root expr
}

// Compile reads an expression. The error is a *fhir.Error that says what is wrong where.
func Compile(text string) (*Expression, error) {
	if len(text) > MaxLength {
		return nil, tooMuch("has %d bytes, more than %d", len(text), MaxLength)
	}
	p := parser{lexer: lexer{text: text}}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Expression{text: text, root: root}, nil
}

// String is the expression as it was written.
func (e *Expression) String() string { return e.text }

// Evaluate evaluates the expression on an element. env may be nil. The error is a
// *fhir.Error that quotes nothing of the document.
func (e *Expression) Evaluate(env *Env, at Node) (Collection, error) {
	return e.EvaluateOn(env, Collection{elementOf(at)})
}

// EvaluateOn evaluates the expression on what another one selected.
func (e *Expression) EvaluateOn(env *Env, on Collection) (Collection, error) {
	r := newRun(env, on)
	out := e.root.eval(r, &scope{this: on}, on)
	if r.env.Spent != nil {
		*r.env.Spent += r.steps() - max(r.left, 0)
	}
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// Cache compiles expressions once. The zero value is ready.
type Cache struct {
	mu    sync.RWMutex
	known map[string]*Expression
}

// mostKnown is how many expressions a cache keeps; beyond that it starts anew.
const mostKnown = 10_000

// Compile returns the compiled form of an expression, and remembers it unless it cannot
// be read.
func (c *Cache) Compile(text string) (*Expression, error) {
	c.mu.RLock()
	e := c.known[text]
	c.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	e, err := Compile(text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= mostKnown {
		c.known = map[string]*Expression{}
	}
	c.known[text] = e
	return e, nil
}
