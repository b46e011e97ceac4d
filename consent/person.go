package consent

import "encoding/json"

// person is what is read of the resources that say who somebody is.
type person struct {
	Identifier   []struct{ System, Value string }
	Active       *bool
	Actual       *bool // only of a Group, and always
	Status       string
	Period       *period
	Practitioner reference
	Organization reference
	PartOf       reference
	Quantity     int
	Participant  []struct {
		Member reference
		Period *period
	}
	Member []struct {
		Entity   reference
		Period   *period
		Inactive bool
	}
}

type reference struct{ Reference string }

type period struct{ Start, End *string }

// atWork says whether a team exists: one that is only proposed may.
func (p *person) atWork() truth {
	switch p.Status {
	case "", "active":
		return certain((p.Active == nil || *p.Active) && (p.Actual == nil || *p.Actual))
	case "proposed":
		return maybe
	}
	return no
}

// PartOf is the organisation above the one whose document this is, "" if there is none
// here.
func PartOf(body []byte, base string) (string, error) {
	var p person
	err := json.Unmarshal(body, &p)
	return (&identifier{base: base}).local(p.PartOf), err
}

// Listed says whether all who belong to a team are listed in its document, as references
// to resources of this server: then who is not listed does not belong to it.
func Listed(body []byte, base string) (bool, error) {
	var p person
	if err := json.Unmarshal(body, &p); err != nil {
		return false, err
	}
	i := identifier{base: base}
	for _, m := range p.Participant {
		if i.local(m.Member) == "" {
			return false, nil
		}
	}
	for _, m := range p.Member {
		if i.local(m.Entity) == "" {
			return false, nil
		}
	}
	group := p.Actual != nil
	return !group || *p.Actual && len(p.Member) > 0 && p.Quantity <= len(p.Member), nil
}
