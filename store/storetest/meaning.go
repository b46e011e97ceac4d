package storetest

// meant are resources with words, places and codes.
var meant = []string{
	`{"resourceType":"Location","id":"charite","position":{"longitude":13.3766,"latitude":52.5263}}`,
	`{"resourceType":"Location","id":"mitte","position":{"longitude":13.405,"latitude":52.520}}`,
	`{"resourceType":"Location","id":"fiji","position":{"longitude":179.9,"latitude":-17.7}}`,
	`{"resourceType":"Location","id":"samoa","position":{"longitude":-179.9,"latitude":-17.7}}`,
	`{"resourceType":"Location","id":"secret","meta":{"security":[{"code":"R"}]},"position":{"longitude":13.405,"latitude":52.520}}`,
	`{"resourceType":"Location","id":"none","name":"Nowhere"}`,
	`{"resourceType":"Condition","id":"c1","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Fell off a <b>bicycle</b></div>"},
		"code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"Patient/x"}}`,
	`{"resourceType":"Condition","id":"c2","note":[{"text":"likes her bicycle"}],"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/x"}}`,
	`{"resourceType":"Condition","id":"c3","meta":{"security":[{"code":"R"}]},"note":[{"text":"bicycle"}],"code":{"coding":[{"system":"urn:other","code":"a"}]},"subject":{"reference":"Patient/x"}}`,
	`{"resourceType":"Condition","id":"c4","subject":{"reference":"Patient/x"},"code":{"text":"no code"}}`,
}

var meantAsked = []asked{
	{"near finds what is within the distance", "Location?near=52.52|13.40|1|km&_sort=_id", "mitte", ""},
	{"near goes 10 km", "Location?near=52.52|13.40&_sort=_id", "charite mitte", ""},
	{"near goes around the globe", "Location?near=-17.7|180|50&_sort=_id", "fiji samoa", ""},
	{"near takes several places", "Location?near=52.52|13.40|1,-17.7|180|50&_sort=_id", "fiji mitte samoa", ""},
	{"places may be missing", "Location?near:missing=true", "none", ""},
	{"_text finds words of the narrative", "Condition?_text=bicycle", "c1", ""},
	{"_content finds words of all texts", "Condition?_content=BICYC&_sort=_id", "c1 c2", ""},
	{"all words are found", "Condition?_content=bicycle,fell%20off&_text=fell%20bi", "c1", ""},
	{":in finds the codes of a value set", "Condition?code:in=urn:set:1&_sort=_id", "c1 c2", ""},
	{":not-in finds all others", "Condition?code:not-in=urn:set:3&_sort=_id", "c2 c4", ""},
	{":below finds what is subsumed", "Condition?code:below=http://loinc.org%7C8302-2&_sort=_id", "c1 c2", ""},
	{":above finds what subsumes", "Condition?code:above=http://loinc.org%7C29463-7&_sort=_id", "c1 c2", ""},
	{"a system without a code finds all of its codes", "Condition?code=http://loinc.org%7C&_sort=_id", "c1 c2", ""},
	{"filters negate", "Condition?_filter=not(code eq loinc|8302-2) and code pr true&_sort=_id", "c2 c4", ""},
	{"filters compare texts", "Location?_filter=name ew where or name sw x", "none", ""},
}

func testMeaning(w *world) { w.askAll(meant, meantAsked) }
