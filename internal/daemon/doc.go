// Package daemon is what every server program needs around its work: logs,
// signals, listeners, and an end that lets requests finish.
package daemon
