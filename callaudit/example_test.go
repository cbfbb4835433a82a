package callaudit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/6dcca832/headroom/callaudit"
)

// nightly lets pull make its calls, records each in a file, and tells what they came to.
func nightly(ctx context.Context, file string, page io.Writer, pull func(*http.Client) error) error {
	log, err := callaudit.Open(file)
	if err != nil {
		return err
	}
	defer log.Close()
	pullErr := pull(&http.Client{Transport: log.Transport(nil)}) // nil is http.DefaultTransport
	audit, auditErr := log.Audit(ctx, callaudit.Scope{})         // all tenants, as of now
	forecast, forecastErr := log.Forecast(ctx, callaudit.Scope{})
	pageErr := log.WriteReport(ctx, page, callaudit.Scope{})
	if err := errors.Join(pullErr, auditErr, forecastErr, pageErr); err != nil {
		return err
	}
	for _, t := range audit.Tenants {
		fmt.Printf("%s: %s, %d requests\n", t.Tenant, t.Verdict, t.Requests)
		if f := forecast.Of(t.Tenant); f != nil { // the forecast has an order of its own
			fmt.Printf("%d bytes in the window\n", f.Current)
		}
	}
	return nil
}
