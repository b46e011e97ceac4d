package aceso_test

func init() { mutants = append(mutants, refusalMutants...) }

// refusalMutants are what was found when each refusal was sent.
var refusalMutants = []mutant{
	{"half a pair of surrogates ends no request", "fhir/escape.go", "!bytes.HasPrefix(rest, []byte(`\\u`))", "false", "./fhir", "TestHalfPairsAreNoCharacters"},
	{"a version of FHIR behind a space is seen", "server/negotiate.go", "media, params, _ := strings.Cut(format, \";\")", "media, params, _ := strings.Cut(format, \"\\x00\")", "./node", "TestRefusalsAreSent"},
	{"another node takes the indexing over", "access/customs.go", "return g.Now().Sub(g.custom.idle.since) > holderLife", "return false", "./node", "TestAnotherNodeTakesTheIndexingOver"},
	{"what another node indexes is left to it", "access/customs.go", "*w = idleHolder{p.Turn, g.Now()}\n\t\treturn false", "*w = idleHolder{p.Turn, g.Now()}\n\t\treturn true", "./node", "TestAnotherNodeTakesTheIndexingOver"},
	{"restrictions are about the resource itself", "fhir/search/constraint.go", "if !itself(where) {", "if false {", "./fhir/search", "TestRefusalsOfCallers"},
}
