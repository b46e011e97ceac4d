package store

// Since says what the check of a store goes on from. The zero Since checks everything.
type Since struct {
	// Mark is what the check before returned: resources that have not changed since, and
	// records that were there, are not looked at again. A store that finds it to be of
	// another form, or of another schema, checks everything.
	Mark []byte
	// Turns also looks at one part in so many of what has not changed, the next one each
	// time; 0 at nothing of it.
	Turns int64
}

// NextPart is where the next of so many turns through places 1 .. last ends, after one
// that ended at from. The turn after the last place begins again with 0.
func NextPart(from, last, turns int64) int64 {
	return min(last, from+max(1, (last+turns-1)/turns))
}
