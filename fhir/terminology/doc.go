// Package terminology knows code systems, value sets and concept maps: those of R4 and of
// HL7's terminology, which are embedded, and those that a Source gives. It expands value
// sets, looks codes up, validates them, says which subsume which, and translates them.
//
// The package does not store, does not decide who may see what a Source has, and does not
// speak HTTP. Large releases (SNOMED CT, LOINC, UCUM, countries, languages, media types) are
// not embedded: of them it knows only what a Source gives.
package terminology
