package store

// recordedPatient is more than what one further patient of a resource takes in the record
// of showing it.
const recordedPatient = 4 << 10

// Weight is what a version counts against the bytes that an answer may have: its document,
// and what the record grows by if it is data of many patients. So the record of an answer
// is bounded, too.
func (v *Version) Weight() int64 { return Weight(len(v.Body), len(v.Facts.Whose())) }

// Weight is that of a document of so many bytes and patients.
func Weight(bytes, patients int) int64 {
	return int64(bytes) + recordedPatient*int64(max(0, patients-1))
}
