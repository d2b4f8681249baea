// Package systemtest holds the tests in which more than one role takes part:
// real clients and a test auditor against a real directory that grows, and the
// programs as a user runs them.
package systemtest
