package local

// OpenReach is Open with another idea of how long a tail is.
func OpenReach(path string, tail, apart int64, sources ...string) (*Ledger, error) {
	return openWrite(path, reach{tail: tail, apart: apart}, sources)
}
