package aceso_test

func init() { mutants = append(mutants, matrixMutants...) }

// matrixMutants are guards of what is found by its own values.
var matrixMutants = []mutant{
	{"canonicals that look like ids are found", "fhir/search/query_reference.go", "if published {", "if false {", "./store/sqlite", "TestStore"},
	{"references that are no URLs are refused", "fhir/search/query_reference.go", "if !published && (c.modifier", "if false && (c.modifier", "./fhir/search", "TestQueryErrors"},
	{"identifiers without a value are found by their type", "fhir/search/extract_sink.go", "if value != nil {", "if value == nil {\n\t\treturn\n\t}\n\tif value != nil {", "./store/sqlite", "TestStore"},
}
