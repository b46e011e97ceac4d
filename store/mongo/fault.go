package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Error labels of the specifications of transactions and of retryable writes.
const (
	transientLabel = "TransientTransactionError"
	retryableLabel = "RetryableWriteError"
)

func hasLabel(err error, label string) bool {
	var labeled mongo.LabeledError
	return errors.As(err, &labeled) && labeled.HasErrorLabel(label)
}

func hasCode(err error, codes ...int) bool {
	var server mongo.ServerError
	if !errors.As(err, &server) {
		return false
	}
	for _, code := range codes {
		if server.HasErrorCode(code) {
			return true
		}
	}
	return false
}

// transient says whether trying again, in a new transaction, may help.
func transient(err error) bool {
	return err != nil && (hasLabel(err, transientLabel) || hasLabel(err, retryableLabel) || trouble(err))
}

// trouble says whether an error is about the state of the servers, or the way to
// them, and not about what was asked.
func trouble(err error) bool {
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	var pool driver.RetryablePoolError
	return mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.As(err, &selection) ||
		errors.As(err, &connection) || errors.As(err, &pool) || hasCode(err, troubleCodes...)
}

// troubleCodes are the codes of servers that are stepping down, starting, stopping,
// overloaded or out of disk, and of cursors, plans and transactions that they gave up.
var troubleCodes = []int{
	6, 7, 43, 50, 64, 89, 91, 133, 134, 175, 189, 202, 237, 262, 290, 317,
	9001, 10058, 10107, 11600, 11602, 13388, 13435, 13436, 14031,
}

// unavailable turns trouble of the database into an answer for clients.
func unavailable(err error) error {
	var known *fhir.Error
	if errors.As(err, &known) || !transient(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return store.Unavailable(err)
}
