package fhir

// Query is a parsed search.
type Query struct {
	Type     string    // resource type
	Where    Condition // compiled criteria, All
	Sort     []SortBy
	Include  []Include // _include and _revinclude
	Count    int       // _count, -1 if not given
	Total    string    // none, estimate, accurate or ""
	Summary  string    // true, text, data, count, false or ""
	Elements []string
	Self     string   // canonical query string of what was understood (for the self link and the record)
	Warnings []Issue  // what lenient handling left out
	Patients []string // ids of patients the criteria name literally ("Patient/1"), for the record
}

// SortBy is one _sort criterion.
type SortBy struct {
	Param string // _id, _lastUpdated or a search parameter
	Desc  bool
}

// Include is one _include or _revinclude.
type Include struct {
	Reverse bool
	Source  string // type that has the reference
	Param   string // "*" for all
	Target  string // "" for any
	Iterate bool
}

// QueryOptions steer ParseQuery.
type QueryOptions struct {
	Lenient     bool   // Prefer: handling=lenient
	Base        string // server base URL
	Compartment string // "Patient/1" for a compartment search, "" otherwise
}

// Param is one name=value pair in the order of the request (decoded).
type Param struct{ Name, Value string }

// ParseQuery compiles search parameters of R4 section 3.1.1. Unknown or unsupported
// parameters and modifiers are Invalid (a warning if lenient).
func ParseQuery(typ string, params []Param, o QueryOptions) (*Query, error) { panic("contract") }
