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

// rows names, for each row of the router's requirements, the tests that fail when it is broken: functions of the packages in
// the folders before them. Each row was broken in several ways, and each time one of its tests failed.
const rows = `
A1   TTL down by one, Time Exceeded           forwarder TestTimeExceeded TestForwardedFramesAreUntouched FuzzDataPath cmd/mirrorgw TestRouterA1TTL
A2   ICMP errors are limited                  forwarder TestErrorsAreLimited TestErrorLimitOverall TestErrorsOfOneBatch TestTooBigIsLimited cmd/mirrorgw TestRouterA2ErrorLimits
A3   no ICMP error about errors and groups    forwarder TestNoErrorAbout TestTooBigIsLimited cmd/mirrorgw TestRouterA3NoErrors
A4   header checks                            forwarder TestMalformed TestLink FuzzDataPath
A5   martians                                 forwarder TestMartians cmd/mirrorgw TestRouterA5Martians
A6   forged sources                           forwarder TestDirections TestRoutes TestTwoRoutersAreOneOutside cmd/mirrorgw TestRouterA6Spoofing
A7   frames for us alone                      forwarder TestLink TestBatch cmd/mirrorgw TestRouterA7OwnOutput
A8   no ping-pong                             forwarder TestDirections TestTwoRoutersAreOneOutside cmd/mirrorgw TestRouterA8PingPong
A9   no redirect, sent or obeyed              forwarder TestDirections TestOwn cmd/mirrorgw TestRouterA9Redirects
A10  no source: client                        cmd/mirrorgw/config TestErrors
A11  fragments pass untouched                 forwarder TestFragments TestTCPFragmentsGoOn TestForwardedFramesAreUntouched cmd/mirrorgw TestRouterA11Fragments
A12  fragments carry no mail                  forwarder TestFragmentsCarryNoTCP TestTCPFragmentsThatDoNotFollow TestTCPFragmentsLaw TestTCPFragmentsAreBounded TestOrphanFragmentsCostNothing TestFragmentsForTheGatewayAreLimited TestHeaderChains cmd/mirrorgw TestRouterA12TCPFragments TestRouterA12OrphanFragments
A13  too big                                  forwarder TestTooBig TestFragmentation TestFragmentationOfRandomPackets TestErrorsAboutInterceptedFlows TestErrorsAboutOwnPackets stack TestPathMTUShrinks TestForgedICMPErrorsAreIgnored cmd/mirrorgw TestRouterA13PathMTU TestRouterA13OwnMTU TestRouterA13ForgedMTU
A14  options and extension headers            forwarder TestIntercept TestHeaderChains cmd/mirrorgw TestRouterA14Options
A15  header checksum                          forwarder TestLowerTTLChecksumEqualsFullComputation TestForwardedFramesAreUntouched cmd/mirrorgw TestRouterA17Transparency
A16  no panic                                 forwarder FuzzDataPath TestPanicCostsOneFrame cmd/mirrorgw TestRouterA16MutatedFrames
A17  everything else identical                forwarder TestForwardedFramesAreUntouched TestOtherProtocolsPass TestOffloadIsCarriedThrough cmd/mirrorgw TestRouterA17Transparency
A18  neighbours                               forwarder TestRouterCannotBeForged TestOnlyAnswersTeach TestOnLinkNeighbour TestOwn TestNeighbourFlood TestClientFlood TestForgedSendersCostLittle TestForeignAdvertisement
A19  segments of unknown flows                forwarder TestIntercept cmd/mirrorgw TestRouterA19UnknownFlows
B4   SYN floods                               forwarder TestSYNLimit TestSYNLimitSparesWhoFinishes TestOnlySYNsAreLimited TestSYNFloodOfForgedClients stack TestSYNFlood TestFloodLeavesRoomForTheHonest cmd/mirrorgw TestRouterB4SYNFlood
C10  the device goes down                     forwarder TestRun stack TestLinkFlaps TestLinkSetDownStaysDown cmd/mirrorgw TestGatewayOutlivesItsDevice TestRouterC10LinkFlaps
C11  the device is deleted                    stack TestDeviceIsOpenedAgain cmd/mirrorgw TestGatewayOutlivesItsDevice
C12  SIGTERM                                  stack TestDrainWaitsForFlowsAndRefusesNewOnes cmd/mirrorgw TestDrain TestRouterC17Restart
C13  SIGHUP                                   cmd/mirrorgw TestReload TestHangUpReloads TestReloadUnderLoad TestSessionsKeepTheRulesTheyBeganWith
C17  outage budget                            cmd/mirrorgw TestRouterC17Restart
`

// A row without a test, or with one that is not there, is a requirement that nobody holds.
func TestEveryRowHasItsTest(t *testing.T) {
	seen := make(map[string]bool)
	for line := range strings.Lines(strings.TrimSpace(rows)) {
		fields := strings.Fields(line)
		at := slices.IndexFunc(fields, isFolder)
		if at < 0 || at == len(fields)-1 {
			t.Errorf("row names no test: %s", line)
			continue
		}
		seen[fields[0]] = true
		var there map[string]bool
		for i, name := range fields[at:] {
			if isFolder(name) {
				there = testsIn(t, filepath.Join("..", name))
			} else if !there[name] {
				t.Errorf("row %s: word %d: there is no %s", fields[0], i, name)
			}
		}
	}
	want := []string{"B4", "C10", "C11", "C12", "C13", "C17"}
	for i := 1; i <= 19; i++ {
		want = append(want, fmt.Sprintf("A%d", i))
	}
	for _, row := range want {
		if !seen[row] {
			t.Errorf("row %s is missing", row)
		}
	}
}

func isFolder(word string) bool {
	return word == "forwarder" || word == "stack" || strings.HasPrefix(word, "cmd/")
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
