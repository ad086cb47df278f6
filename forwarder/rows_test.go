package forwarder

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rows names, for each row of the router's requirements, the tests that fail when it is broken: functions of the package in a folder
// of the module.
const rows = `
A1   TTL down by one, Time Exceeded           forwarder TestTimeExceeded TestForwardedFramesAreUntouched FuzzDataPath
A2   ICMP errors are limited                  forwarder TestErrorsAreLimited TestErrorLimitOverall TestErrorsOfOneBatch TestTooBigIsLimited
A3   no ICMP error about errors and groups    forwarder TestNoErrorAbout TestTooBigIsLimited
A4   header checks                            forwarder TestMalformed TestLink FuzzDataPath
A5   martians                                 forwarder TestMartians
A6   forged sources                           forwarder TestDirections TestRoutes TestTwoRoutersAreOneOutside
A7   frames for us alone                      forwarder TestLink TestBatch
A8   no ping-pong                             forwarder TestDirections TestTwoRoutersAreOneOutside
A9   no redirect, sent or obeyed              forwarder TestDirections TestOwn
A10  no source: client                        cmd/mirrorgw/config TestErrors
A11  fragments pass untouched                 forwarder TestFragments TestForwardedFramesAreUntouched
A12  fragments carry no TCP                   forwarder TestFragmentsCarryNoTCP TestOrphanFragmentsCostNothing TestHeaderChains
A13  too big                                  forwarder TestTooBig TestFragmentation TestFragmentationOfRandomPackets TestErrorsAboutInterceptedFlows TestErrorsAboutOwnPackets
A14  options and extension headers            forwarder TestIntercept TestHeaderChains
A15  header checksum                          forwarder TestLowerTTLChecksumEqualsFullComputation TestForwardedFramesAreUntouched
A16  no panic                                 forwarder FuzzDataPath TestPanicCostsOneFrame
A17  everything else identical                forwarder TestForwardedFramesAreUntouched TestOtherProtocolsPass TestOffloadIsCarriedThrough
A18  neighbours                               forwarder TestRouterCannotBeForged TestOnlyAnswersTeach TestNeighbourFlood TestForgedSendersCostLittle TestForeignAdvertisement
A19  segments of unknown flows                forwarder TestIntercept
`

// A row without a test, or with one that is not there, is a requirement that nobody holds.
func TestEveryRowHasItsTest(t *testing.T) {
	seen := make(map[string]bool)
	for line := range strings.Lines(strings.TrimSpace(rows)) {
		fields := strings.Fields(line)
		at := slices.IndexFunc(fields, func(s string) bool { return s == "forwarder" || strings.HasPrefix(s, "cmd/") })
		if at < 0 || at == len(fields)-1 {
			t.Errorf("row names no test: %s", line)
			continue
		}
		seen[fields[0]] = true
		there := testsIn(t, filepath.Join("..", fields[at]))
		for _, name := range fields[at+1:] {
			if !there[name] {
				t.Errorf("row %s: %s has no %s", fields[0], fields[at], name)
			}
		}
	}
	for i := 1; i <= 19; i++ {
		if row := fmt.Sprintf("A%d", i); !seen[row] {
			t.Errorf("row %s is missing", row)
		}
	}
}

// testsIn returns the names of the tests and fuzz targets in a folder.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\) \{$`)
	names := make(map[string]bool)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllSubmatch(content, -1) {
			names[string(match[1])] = true
		}
	}
	return names
}
