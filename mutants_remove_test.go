package aceso_test

func init() { mutants = append(mutants, removeMutants...) }

// removeMutants are the guards of erasures from the records.
var removeMutants = []mutant{
	{"erase: nothing is written under a destroyed key", "store/sqlite/freshkeys.go", "if k.dead[id] {", "if false {", "./store/sqlite", "TestNothingIsWrittenUnderADestroyedKey"},
	{"erase: keys that wait are destroyed, too", "store/sqlite/keyfile.go", "\t\tk.dead[f.id] = true\n", "\t\t_ = f\n", "./store/sqlite", "TestNothingIsWrittenUnderADestroyedKey"},
	{"erase: nobody who never was", "purge/records.go", "case stored == 0 && u.Records.Changes == 0:", "case false:", "./purge", "TestWhoIsNotErased"},
	{"erase: nobody who was erased before", "purge/records.go", "case !u.Records.any():", "case false:", "./purge", "TestWhoIsNotErased"},
	{"erase: a record makes nobody known", "purge/records.go", "\t\tu.Patient = \"\"\n\t\treturn p.deny", "\t\tu.Patient = ref.String()\n\t\treturn p.deny", "./node", "TestWhoCannotBeErased"},
	{"erase: a hold stops who asks", "purge/records.go", "if err := p.held(ctx, patient); err != nil {", "if err := p.held(ctx, patient); false {", "./purge", "TestWhoIsNotErased"},
	{"erase: a hold stops an erasure", "purge/records.go", "if err := p.held(ctx, u.Patient); err != nil {", "if err := p.held(ctx, u.Patient); false {", "./purge", "TestWhoIsNotErased"},
	{"erase: its row forgets whose", "purge/records.go", "u.Patient, u.Reason, u.Problem = \"\", \"\", \"\"", "u.Problem = \"\"", "./purge", "TestAnErasureGoesOnAndForgetsWhose"},
	{"erase: to look halfway names nobody", "purge/steps.go", "case u.going(): // a record", "case false: // a record", "./purge", "TestAnErasureGoesOnAndForgetsWhose"},
	{"certificate: its proofs", "ledgerbridge/certificate/certificate.go", "if err := ledgerbridge.VerifyInclusion(receipt, checkpoint, hashes); err != nil {", "if err := ledgerbridge.VerifyInclusion(receipt, checkpoint, hashes); false {", "./ledgerbridge/certificate", "TestCertificatesProveWhatTheyName"},
	{"certificate: proofs are of what it names", "ledgerbridge/certificate/certificate.go", " || !strings.Contains(c.Text, text)", "", "./ledgerbridge/certificate", "TestCertificatesProveWhatTheyName"},
	{"certificate: its key counts that far", "ledgerbridge/certificate/certificate.go", "if by.To != 0 && (c.Size == 0 || c.Size > by.To) {", "if false {", "./ledgerbridge/certificate", "TestCertificatesProveWhatTheyName"},
	{"erase: what its row said is overwritten", "purge/records.go", "return p.Data.Scrub(ctx) // of", "return nil // of", "./purge", "TestAnErasureGoesOnAndForgetsWhose"},
}
