// A connect time-out, in Go: netlab exec -- go test time_out_test.go
package main

import ("net"; "os"; "testing"; "time")

func TestTimeOut(t *testing.T) {
	_, err := net.DialTimeout("tcp", os.Getenv("NETLAB_BLACKHOLE"), 300*time.Millisecond)
	if fault, ok := err.(net.Error); !ok || !fault.Timeout() {
		t.Fatal(err)
	}
}
