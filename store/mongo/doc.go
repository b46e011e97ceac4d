// Package mongo is the store for production: MongoDB from version 4.4 on, a replica
// set of one node or more, or a sharded cluster. Several nodes of one organisation
// may write to the same database, each under names of logs of its own.
//
// It does not decide who may see what, does not author resources and does not
// read documents, except in Check, which derives everything again from the bytes.
package mongo
