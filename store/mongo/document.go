package mongo

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// version is what a resource and a past version have in common, without what the
// transaction adds: see stamped. Documents are decoded as a row.
type version struct {
	Type    string        `bson:"r"`  // tenant/Type/, see Store.in
	Version int64         `bson:"v"`  // counts from 1, deletes included
	Deleted bool          `bson:"st"` // a tombstone: no body, no keys
	At      bson.DateTime `bson:"lu"`
	Method  string        `bson:"m"`
	Owner   string        `bson:"ow"`
	Base    int32         `bson:"b"` // which of the bases in meta its keys depend on
	Hash    []byte        `bson:"h"`
	Facts   []byte        `bson:"f"`              // packed
	Body    []byte        `bson:"body,omitempty"` // packed
	Purged  string        `bson:"pb,omitempty"`   // change log entry by which it was purged; st is true then, and there is no body

	Sorts map[string]sortValue `bson:"s,omitempty"` // by parameter; history keeps them for walks that have begun
}

// stamped holds the fields that the transaction adds to a version. The collection resources has the
// current version of each resource, its _id is tenant/Type/id; history has every
// version, the current one too, with the _id tenant/Type/id/0000000003.
type stamped struct {
	ID     string `bson:"_id"`
	Place  int64  `bson:"o,omitempty"`  // stamp of the first version, so the order of creation; of resources only
	Stamp  int64  `bson:"w"`            // order of writing: unique, newest last
	Source string `bson:"src"`          // change log entry that wrote it: source ...
	Seq    int64  `bson:"seq"`          // ... and position
	Purged string `bson:"pb,omitempty"` // of a tombstone whose resource was purged by this entry
}

// index holds the search keys of a current version. Every key and parameter begins
// with tenant/Type/; k also has the store's own keys, which do not.
type index struct {
	Keys    []string      `bson:"k"` // those that a search may begin with
	More    []string      `bson:"u"` // keys too common for that: in no index
	Dates   []dateRange   `bson:"d"`
	Numbers []numberRange `bson:"n"`
	Orders  *orders       `bson:"q,omitempty"`
	Further int32         `bson:"x,omitempty"` // how many further key documents there are, see keysInDocument
}

type dateRange struct {
	Param string `bson:"p"`
	Class int    `bson:"c"` // see dateClass
	Lo    int64  `bson:"s"`
	Hi    int64  `bson:"e"`
}

type numberRange struct {
	Param string `bson:"p"`
	Lo    string `bson:"lo"`
	Hi    string `bson:"hi"`
}

type sortValue struct {
	Lo string `bson:"lo"`
	Hi string `bson:"hi"`
}

// in is the prefix of _ids, keys and parameters of a type: tenant/Type/.
func (s *Store) in(typ string) string { return s.tenant() + typ + "/" }

// tenant is the prefix of everything; it is empty without a tenant.
func (s *Store) tenant() string {
	if s.identity.Tenant == "" {
		return ""
	}
	return s.identity.Tenant + "/"
}

// id is the _id of a resource.
func (s *Store) id(ref fhir.Ref) string { return s.in(ref.Type) + ref.ID }

// pastID is the _id of a version in history.
func pastID(resource string, version int64) string { return fmt.Sprintf("%s/%010d", resource, version) }

// resourceOf is the _id of the resource that a version in history belongs to.
func resourceOf(past string) string {
	resource, _ := path.Split(past)
	return strings.TrimSuffix(resource, "/")
}

// refOf reads a resource's _id.
func (s *Store) refOf(id string) fhir.Ref {
	typ, rest, _ := strings.Cut(strings.TrimPrefix(id, s.tenant()), "/")
	rest, _, _ = strings.Cut(rest, "/")
	return fhir.Ref{Type: typ, ID: rest}
}

// consentKey is the key of a current Consent in the compartment of a patient. A ¤cpt key
// would not do: Facts may have inherited patients, see store.Write.
func (s *Store) consentKey(patient string) string { return s.tenant() + "¤consent=" + patient }

// newIndex returns the keys of a version, and its marks (see search.Marks), as they are stored.
func (s *Store) newIndex(typ string, x *search.Index, marks []string) index {
	in := s.in(typ)
	var d index
	d.Keys = make([]string, 0, len(marks)+len(x.Keys))
	for _, m := range marks {
		d.Keys = append(d.Keys, in+m)
	}
	for _, k := range x.Keys {
		if _, rest := plan.CutKey(k); plan.Drives(rest) {
			d.Keys = append(d.Keys, in+k)
		} else {
			d.More = append(d.More, in+k)
		}
	}
	for _, r := range x.Dates {
		d.Dates = append(d.Dates, dateRange{in + r.Param, dateClass(r.Lo, r.Hi), r.Lo, r.Hi})
	}
	for _, n := range x.Numbers {
		d.Numbers = append(d.Numbers, numberRange{in + n.Param, n.Lo, n.Hi})
	}
	return d
}

func newSorts(x *search.Index) map[string]sortValue {
	sorts := make(map[string]sortValue, len(x.Sorts))
	for _, v := range x.Sorts {
		sorts[v.Param] = sortValue{v.Lo, v.Hi}
	}
	return sorts
}

// unpackFacts reads the facts of a version of a resource.
func unpackFacts(id string, version int64, packed []byte) (fhir.Facts, error) {
	facts, err := store.UnpackFacts(packed)
	if err != nil {
		return facts, damaged(id, version, "f")
	}
	return facts, nil
}

// damaged is the error of a field that cannot be decoded.
func damaged(id string, version int64, field string) error {
	return &store.Finding{File: findingFile, Table: "resources", Row: pastID(id, version), Column: field, What: "cannot be decoded"}
}

// A stamp holds milliseconds since 1970, a counter, and the lane of the log whose writer
// made it, so that no two writers make the same one.
const (
	laneBits    = 10
	counterBits = store.StampShift - laneBits
	maxLanes    = 1 << laneBits
)

// nextStamp is a stamp of lane above all of after and not below at.
func nextStamp(lane int64, at time.Time, after ...int64) int64 {
	tick := at.UnixMilli() << counterBits
	for _, a := range after {
		tick = max(tick, a>>laneBits+1)
	}
	return tick<<laneBits | lane
}

// join makes one document of two.
func join(a, b bson.Raw) bson.Raw {
	all := make(bson.Raw, 0, len(a)+len(b)-5)
	all = binary.LittleEndian.AppendUint32(all, uint32(len(a)+len(b)-5))
	all = append(all, a[4:len(a)-1]...)
	return append(all, b[4:]...)
}
