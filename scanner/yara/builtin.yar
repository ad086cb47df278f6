/*
 * Rules that are always loaded. Their strings are in hexadecimal so that neither this file nor the program that holds it is
 * taken for the test files they describe.
 */

rule EICAR_Test_File
{
    meta:
        description = "The EICAR anti-malware test file"
        harmless = true
    strings:
        $eicar = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
            45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45
            21 24 48 2B 48 2A
        }
    condition:
        $eicar
}

rule ClamAV_Test_File
{
    meta:
        description = "The program of the clamav-testfiles package, alone or stored uncompressed in something else"
        harmless = true
    strings:
        $entry = { BB 71 10 40 00 33 C0 50 50 8B F3 53 53 50 B0 29 40 30 04 66 AC 79 F9 BA 31 00 78 0D AD 50 FF 66 70 }
        $section = { 5B 43 4C 41 4D 41 56 5D 00 10 00 00 00 10 00 00 00 02 00 00 01 00 00 00 }
    condition:
        $entry and $section
}
