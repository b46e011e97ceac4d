package search

import (
	"encoding/binary"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
)

// The limits of a resource. Time and memory of an extraction are linear in the document:
// it stops at the first value beyond a limit, and what repeats is kept once.
//
// Few bytes can make many values: composites combine every value of one part with every
// value of another, a URL has a value for each of its paths. So what a document may have
// grows with its size, by a rate that lists of members, targets or concepts stay below (the
// shortest, concepts, have a value for 6 bytes), and that costs no more for a byte than
// reading the document does.
const (
	MaxKeys      = 100_000 // different keys, ranges included, of any resource
	fewKeys      = 2000    // that the shortest may have
	bytesPerKey  = 4       // of the document, for each more
	fewCombined  = 20_000  // combinations of composites, whether or not they differ, of the shortest
	bytesPerPair = 2       // of the document, for each more
	maxCombined  = 10 * MaxKeys
	manyKeys     = 1000 // from here on each value is looked up before it is kept
)

// limits bound the different values of a document and the combinations of its composites.
// Zero is no bound.
type limits struct{ keys, combined int }

// limitsOf a document of so many bytes.
func limitsOf(bytes int) limits {
	return limits{min(MaxKeys, fewKeys+bytes/bytesPerKey), min(maxCombined, fewCombined+bytes/bytesPerPair)}
}

// known holds every value of a resource with many of them.
type known struct {
	keys  map[string]headed
	other map[string]struct{} // ranges
}

func (k *known) len() int { return len(k.keys) + len(k.other) }

// exact says whether values are looked up, and begins with that when there are many:
// until then copies are cheaper to sort away than to look up.
func (x *extractor) exact() bool {
	if x.known != nil {
		return true
	}
	if len(x.keys)+len(x.dates)+len(x.numbers) < manyKeys {
		return false
	}
	x.order()
	x.known = &known{keys: make(map[string]headed, len(x.keys)), other: map[string]struct{}{}}
	for _, k := range x.keys {
		x.known.keys[string(x.span(k.key))] = k
	}
	for i := range x.dates {
		x.known.other[string(x.dateText(&x.dates[i]))] = struct{}{}
	}
	for i := range x.numbers {
		x.known.other[string(x.numberText(&x.numbers[i]))] = struct{}{}
	}
	return true
}

// add keeps a key that ends the arena, and returns it. If the key is known, it returns
// the one that is there and gives the room back.
func (x *extractor) add(k headed) headed {
	if !x.exact() {
		x.keys = append(x.keys, k)
		return k
	}
	old, found := x.known.keys[string(x.span(k.key))]
	if found {
		x.buf = x.buf[:k.key.from]
		return old
	}
	if !x.room() {
		x.buf = x.buf[:k.key.from]
		return headed{}
	}
	x.known.keys[string(x.span(k.key))] = k
	x.keys = append(x.keys, k)
	return k
}

func (x *extractor) addDate(d dateValue) {
	if !x.exact() || x.isNew(x.dateText(&d), d.param) {
		x.dates = append(x.dates, d)
	}
}

func (x *extractor) addNumber(n numberValue) {
	if !x.exact() || x.isNew(x.numberText(&n), n.param.key) {
		x.numbers = append(x.numbers, n)
	}
}

// isNew says whether a range is to be kept. It gives back the room of its name.
func (x *extractor) isNew(text []byte, name span) bool {
	if _, found := x.known.other[string(text)]; !found {
		if !x.room() {
			return false
		}
		x.known.other[string(text)] = struct{}{}
		return true
	}
	if int(name.to) == len(x.buf) {
		x.buf = x.buf[:name.from]
	}
	return false
}

// dateText and numberText are all that a range is. They are valid until the next one.
func (x *extractor) dateText(d *dateValue) []byte {
	x.probe = append(x.probe[:0], x.span(d.param)...)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(x.probe, uint64(d.lo)), uint64(d.hi))
}

func (x *extractor) numberText(n *numberValue) []byte {
	x.probe = append(append(x.probe[:0], x.span(n.param.key)...), 0)
	x.probe = append(append(x.probe, x.span(n.lo)...), 0)
	return append(x.probe, x.span(n.hi)...)
}

// room says whether one more value may be kept, and refuses the resource otherwise.
func (x *extractor) room() bool {
	if x.limit.keys > 0 && x.known.len() >= x.limit.keys {
		x.tooMany()
	}
	return x.fault == nil
}

// combine counts combinations of a composite before they are made: copies cost as much.
func (x *extractor) combine(n int) bool {
	x.combined += n
	if x.limit.combined > 0 && x.combined > x.limit.combined {
		x.refuse("Its repetitions make more than " + strconv.Itoa(x.limit.combined) + " combinations to search for. " + forItsSize(x.limit.combined, maxCombined))
	}
	return x.fault == nil
}

func (x *extractor) tooMany() {
	x.refuse("The resource has more than " + strconv.Itoa(x.limit.keys) + " different values to search for. " + forItsSize(x.limit.keys, MaxKeys))
}

// forItsSize says what a limit depends on, and what to do.
func forItsSize(limit, most int) string {
	if limit < most {
		return "That is the most for a resource of its size. Split it into several resources."
	}
	return "Split it into several resources."
}

// refuse ends the extraction at the node that is read.
func (x *extractor) refuse(detail string) {
	if x.fault == nil {
		x.fault = &fhir.Error{Kind: fhir.Unprocessable, Detail: detail, Expression: x.Place(x.here)}
	}
}
