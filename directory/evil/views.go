package evil

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// Views are one provider as several readers see it: each has an address of its
// own, and behind each may be something else. What a provider would tell apart
// by address, token or hour, is told apart by port here.
type Views struct {
	views []*View
}

// A View is what one reader is shown.
type View struct {
	Switch
	Address string // "http://127.0.0.1:PORT"
	server  *http.Server
}

// Open opens a view that shows nothing yet.
func (v *Views) Open() (*View, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	view := &View{Address: "http://" + listener.Addr().String()}
	view.server = &http.Server{Handler: &view.Switch, ReadHeaderTimeout: 5 * time.Second}
	go view.server.Serve(listener)
	v.views = append(v.views, view)
	return view, nil
}

// Show shows h to everybody.
func (v *Views) Show(h http.Handler) {
	for _, view := range v.views {
		view.Set(h)
	}
}

// Close closes all views.
func (v *Views) Close() error {
	var errs []error
	for _, view := range v.views {
		errs = append(errs, view.server.Close())
	}
	return errors.Join(errs...)
}
