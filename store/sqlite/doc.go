// Package sqlite is the embedded store: two SQLite databases in one data folder
// (aceso.db for resources, history, index and change log; access.db for the
// access log, in a file of its own so that recording a read does not empty the
// page caches of all readers) and a folder of wrapped part keys.
//
// It does not decide who may see what, does not author resources and does not
// read documents, except in Check, which derives everything again from the bytes.
package sqlite
