package engine

import (
	"unicode/utf8"

	"github.com/aceso-health/aceso/canonical"
)

// maxText bounds each text of an event in bytes.
const maxText = 256

// wellFormed says whether an event has all it must have. What is not gets no place in the
// chain: nothing is recorded.
func (e *Event) wellFormed() bool {
	return uuidV7(e.ID) && e.texts() && e.DeviceSeq > 0 && e.DeviceSeq <= canonical.MaxInteger &&
		instant(e.DeviceTime) && instant(e.ServerTime) && e.scansAreWell() && e.Payload.wellFormed() &&
		e.PayloadHash == e.Payload.Hash()
}

func (e *Event) texts() bool {
	for _, s := range [...]string{e.Journey, e.Step, e.Organisation, e.Role, e.Person, e.Device} {
		if s == "" || !text(s) {
			return false
		}
	}
	return text(e.Bag) && (e.Bag != "" || isNotice(e.Step))
}

func (e *Event) scansAreWell() bool {
	for i := range e.Scans {
		s := &e.Scans[i]
		if s.What == "" || s.Value == "" || !text(s.What) || !text(s.Value) || !text(s.Symbology) || e.scan(s.What) != s {
			return false
		}
	}
	return len(e.Scans) <= maxScans
}

// scan finds the first scan of something, or nil.
func (e *Event) scan(what string) *Scan {
	for i := range e.Scans {
		if e.Scans[i].What == what {
			return &e.Scans[i]
		}
	}
	return nil
}

// value is what was scanned, or "".
func (e *Event) value(what string) string {
	if s := e.scan(what); s != nil {
		return s.Value
	}
	return ""
}

func (p *Payload) wellFormed() bool {
	for _, n := range [...]int64{p.Destroyed, p.FromSeq, p.Hold, p.NotAfter, p.NotBefore, p.Passed, p.Printed, p.ReauthAt,
		p.Remainder, p.ToSeq, p.Until, p.Used, p.ValidUntil, p.Volume, p.Waste} {
		if n < 0 || n > canonical.MaxInteger>>8 {
			return false
		}
	}
	for _, s := range [...]string{p.Action, p.Cause, p.Courier, p.Kind, p.Logger, p.Meaning, p.Outcome, p.Patient, p.Permit,
		p.Purpose, p.Replaces, p.Second, p.Site, p.Test, p.To} {
		if !text(s) {
			return false
		}
	}
	return p.Lat >= -90e6 && p.Lat <= 90e6 && p.Lon >= -180e6 && p.Lon <= 180e6 && p.childrenAreWell()
}

func (p *Payload) childrenAreWell() bool {
	for i, c := range p.Children {
		if c.Bag == "" || !text(c.Bag) || c.Volume <= 0 || c.Volume > canonical.MaxInteger>>8 {
			return false
		}
		for _, other := range p.Children[:i] {
			if other.Bag == c.Bag {
				return false
			}
		}
	}
	return len(p.Children) <= maxChildren
}

// text is bounded, and UTF-8: other bytes would have the hash of their replacement.
func text(s string) bool { return len(s) <= maxText && utf8.ValidString(s) }

// instant says whether a time is one of the years 2000 to 2199.
func instant(ms int64) bool { return ms > 946684800000 && ms < 7258118400000 }

// uuidV7 says whether a text is one in lower case.
func uuidV7(s string) bool {
	if len(s) != 36 || s[14] != '7' || s[19] < '8' || s[19] > 'b' || s[19] > '9' && s[19] < 'a' {
		return false
	}
	for i := range len(s) {
		c, dash := s[i], i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9' && c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
