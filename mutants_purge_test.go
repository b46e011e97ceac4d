package aceso_test

func init() { mutants = append(mutants, purgeMutants...) }

// purgeMutants are the guards of what is removed for good.
var purgeMutants = []mutant{
	{"purge: only a version with the hash that was named", "store/sqlite/purge.go", "v.Hash != p.Hash || ", "", "./store/sqlite", "TestStore/only_what_is_as_it_was"},
	{"purge: no current version", "store/sqlite/purge.go", " || current && !v.Deleted", "", "./store/sqlite", "TestStore/only_what_is_as_it_was"},
	{"purge: facts go", "store/sqlite/purge.go", "store.Pack(packed), nil, nil", "v.PackedFacts, nil, nil", "./store/sqlite", "TestStore/what_is_purged"},
	{"purge: free space is overwritten", "store/sqlite/scrub.go", "clear(data[s.from:s.to])", "_ = data[s.from:s.to]", "./store/sqlite", "TestNothingIsLeft"},
	{"purge: the write-ahead log is cut off", "store/sqlite/scrub.go", "\t\t\treturn s.emptyLog(ctx)", "\t\t\treturn nil", "./store/sqlite", "TestNothingIsLeft"},
	{"purge: pages that changed are left", "store/sqlite/scrub.go", "if sha256.Sum256(data) != p.sum {", "if false {", "./store/sqlite", "TestScrubLeavesWhatChanged"},
	{"purge: free blocks in bounds", "store/sqlite/treenode.go", "size < 4 || at+size > r.usable || ", "size < 4 || ", "./store/sqlite", "TestScrubRefuses"},
	{"purge: only a version with the hash that was named, MongoDB", "store/mongo/purge.go", "v.Hash != p.Hash || ", "", "./store/mongo", "TestStore/only_what_is_as_it_was"},
	{"purge: no current version, MongoDB", "store/mongo/purge.go", " || v.Version == last.Version && !v.Deleted && !replaced", "", "./store/mongo", "TestStore/only_what_is_as_it_was"},
	{"purge: bodies go, MongoDB", "store/mongo/purge.go", "{Key: \"body\", Value: \"\"}, ", "", "./store/mongo", "TestStore/what_is_purged"},
	{"purge: histories leave it out", "store/search/history.go", " || r.Purged != \"\" && !x.h.Purged", "", "./store/sqlite", "TestStore/what_is_purged"},
	{"purge: versions are not found", "store/search/past.go", " || row.Purged != \"\"", "", "./store/sqlite", "TestStore/what_is_purged"},
	{"purge: no document is left", "store/search/check.go", "if r.PackedBody != nil {\n\t\tc.Found(\"body\", \"a purged", "if false {\n\t\tc.Found(\"body\", \"a purged", "./store/sqlite", "TestCheckFindsWhatAPurgeLeft"},
	{"purge: no facts are left", "store/search/check.go", "!bytes.Equal(said, left)", "false", "./store/sqlite", "TestCheckFindsWhatAPurgeLeft"},
	{"purge: a version goes on protecting those before it", "store/purge.go", "Labels: f.Labels, ", "", "./store/sqlite", "TestStore/a_purged_version"},
	{"purge: a Binary that was named stays whose it was", "store/purge.go", "Patients: f.Patients, ", "", "./store/sqlite", "TestStore/what_is_purged"},
	{"purge: entries name exactly what went", "audit/purged.go", "case whole && e.Content != hex.EncodeToString(content[:]):", "case false:", "./audit", "TestVerifyKnowsWhatWasPurged"},
	{"purge: only entries of purges purge", "audit/purged.go", "case e.Interaction != ledgerbridge.Purge || e.Decision != \"permit\":", "case false:", "./audit", "TestVerifyKnowsWhatWasPurged"},
	{"purge: what an entry purged must be gone", "audit/purged.go", "return v.unpurged(ctx)", "return nil", "./audit", "TestAPurgeThatPurgedNothing"},
	{"purge: nothing is left beside the hash", "audit/verify.go", "if len(s.Body) != 0 || !s.Deleted {\n\t\t\treturn \"was purged", "if false {\n\t\t\treturn \"was purged", "./audit", "TestVerifyKnowsWhatWasPurged"},
}
