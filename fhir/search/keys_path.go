package search

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// paths walks the paths above a URL, from its host to the whole. In
// http://hl7.org/fhir/ValueSet they are http://hl7.org and http://hl7.org/fhir; a urn has
// none. Each path begins with the last, so the hash of a long one goes on from there.
type paths struct {
	url    []byte
	limit  int // of bytes
	end    int // of the path
	hashed int
	hash   hash.Hash
}

// next goes to the next path.
func (p *paths) next() bool {
	p.end = nextSegment(p.url, p.end)
	return p.end > 0
}

// append appends the path as a key holds it, with or without the slash that follows it.
// The one without comes first.
func (p *paths) append(to []byte, slash bool) []byte {
	end := p.end
	if slash {
		end++
	}
	if end <= p.limit {
		return append(to, p.url[:end]...)
	}
	if p.hash == nil {
		p.hash = sha256.New()
	}
	p.hash.Write(p.url[p.hashed:end])
	p.hashed = end
	var room [sha256.Size]byte
	return appendHashed(to, p.url[:end], p.limit, p.hash.Sum(room[:0]))
}

// nextSegment returns the end of the next path above a URL, or 0. In
// http://hl7.org/fhir/ValueSet the ends are 14 and 19. A urn has none.
func nextSegment(u []byte, after int) int {
	if after == 0 {
		host := bytes.Index(u, []byte("://"))
		if host < 0 {
			return 0
		}
		after = host + 2
	}
	i := bytes.IndexByte(u[after+1:], '/')
	if i < 0 || after+1+i == len(u)-1 {
		return 0
	}
	return after + 1 + i
}
