package mongo

import (
	"encoding/binary"
	"fmt"
	"math"
	"path"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// version is what a resource and a past version have in common. (Fields of other
// structs that hold one are named: the codec skips unexported embedded ones.)
type version struct {
	// Known only in the transaction that writes it, and so encoded apart from the rest.
	Stamp  int64  `bson:"w,omitempty"`   // order of writing: unique, newest last
	Source string `bson:"src,omitempty"` // change log entry that wrote it: source ...
	Seq    int64  `bson:"seq,omitempty"` // ... and position in the log

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

	Sorts map[string]sortValue `bson:"s,omitempty"` // by parameter; history keeps them for walks that have begun
}

// resource is a document of the collection resources: the current version of one
// resource. Its _id is tenant/Type/id.
type resource struct {
	ID    string  `bson:"_id"`
	Order int64   `bson:"o"` // stamp of the first version: order of creation
	V     version `bson:",inline"`
	X     index   `bson:",inline"`
}

// past is a document of the collection history, which holds every version, the
// current one too. Its _id is tenant/Type/id/0000000003.
type past struct {
	ID string  `bson:"_id"`
	V  version `bson:",inline"`
}

// stamped holds the fields that the transaction adds to a version.
type stamped struct {
	ID     string `bson:"_id"`
	Order  int64  `bson:"o,omitempty"` // of resources only
	Stamp  int64  `bson:"w"`
	Source string `bson:"src"`
	Seq    int64  `bson:"seq"`
}

// index holds the search keys of a current version. Every key and parameter begins
// with tenant/Type/; k also has the store's own keys, which do not.
type index struct {
	Keys    []string      `bson:"k"` // those that a search may begin with
	More    []string      `bson:"u"` // keys too common for that: in no index
	Dates   []dateRange   `bson:"d"`
	Numbers []numberRange `bson:"n"`
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

// newIndex returns the keys of a version as they are stored.
func (s *Store) newIndex(typ string, x *search.Index) index {
	in := s.in(typ)
	var d index
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

// full is a version as the contract returns it.
func (s *Store) full(id string, v *version, epoch int64) (store.Version, error) {
	facts, err := v.facts(id)
	if err != nil {
		return store.Version{}, err
	}
	body, err := store.Unpack(v.Body)
	if err != nil {
		return store.Version{}, damaged(id, v, "body")
	}
	full := store.Version{
		Ref: s.refOf(id), Version: v.Version, LastUpdated: v.At.Time().UTC(),
		Deleted: v.Deleted, Method: v.Method, Owner: v.Owner, Body: body,
		Facts: facts, Source: v.Source, Seq: v.Seq, Epoch: epoch,
	}
	copy(full.Hash[:], v.Hash)
	return full, nil
}

// facts unpacks the facts of a version.
func (v *version) facts(id string) (fhir.Facts, error) {
	raw, err := store.Unpack(v.Facts)
	if err != nil {
		return fhir.Facts{}, damaged(id, v, "f")
	}
	facts, err := fhir.ParseFacts(raw)
	if err != nil {
		return facts, damaged(id, v, "f")
	}
	return facts, nil
}

// damaged is the error of a field that cannot be decoded.
func damaged(id string, v *version, field string) error {
	return &store.Finding{File: findingFile, Table: "resources", Row: pastID(id, v.Version), Column: field, What: "cannot be decoded"}
}

// A stamp holds milliseconds since 1970, a counter, and the lane of the log whose writer
// made it, so that no two writers make the same one.
const (
	laneBits    = 10
	counterBits = 10
	maxLanes    = 1 << laneBits
	stampShift  = laneBits + counterBits
)

// nextStamp is a stamp of lane above all of after and not below at.
func nextStamp(lane int64, at time.Time, after ...int64) int64 {
	tick := at.UnixMilli() << counterBits
	for _, a := range after {
		tick = max(tick, a>>laneBits+1)
	}
	return tick<<laneBits | lane
}

// lowestStamp is not above any stamp of a version written at or after t.
func lowestStamp(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixMilli() << stampShift
}

// join makes one document of two.
func join(a, b bson.Raw) bson.Raw {
	all := make(bson.Raw, 0, len(a)+len(b)-5)
	all = binary.LittleEndian.AppendUint32(all, uint32(len(a)+len(b)-5))
	all = append(all, a[4:len(a)-1]...)
	return append(all, b[4:]...)
}
