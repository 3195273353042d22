/* Private keys and signing. The keys are of openssl genpkey, rsa and pkcs8;
 * what they sign was signed by openssl dgst and pkeyutl too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"

#include "base/base64.h"
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <string.h>

enum { ARENA_MAX = 1 << 20 };

static const char rsa_pkcs1[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXgIBAAKBgQDMsWAZ5MVKHeUIS2CRxAlzZ9FAA1h9rWmCwtGYeHPI4FvuaFJT\n"
    "A/pBqbh2tr/FcnYdT7XmsC4MylVCe38GDp/j6RXQK88EshMbBxwHmDiASL2DxRxH\n"
    "3BuzFaA80vP7NKvB/dv88j7YO9FYVbysIic9UdH4FWQk2/NxOM/bZ8fl+wIDAQAB\n"
    "AoGBAMikVX8MMBcmloo62L4JWvo0mXgVz3fhs7rpHGpIJ7aPtY1L1OZqz7PtmVNE\n"
    "b1YrjHvO1o75wynmawxv4WMekrojAw2ApkcQ5xj73929Csw9yzUBymCelmrm6HwK\n"
    "3oXn50vKCYOOCa9DZ60eiEdb3n62o5PQ+iKkqvqnGoaPfOeBAkEA8sclwUXvx7EC\n"
    "h+6U5A+cm/qdio0PM03OTRRZrNQdaqjEaF7OGpGhd4cX+Asfi3o8n67PPApmhZlc\n"
    "ma3yjq7KRwJBANfXPU53MqnM+7qRQmKjp+WK5/ZWdusGF82BnCtwM7aTZO9e5/la\n"
    "dooMdwxQKa3MNBERdMUlgkeBS9SLH9VzLK0CQQCAZz/atwiYz1ANYOwyqucjwCsu\n"
    "qmiNs+sW7Vp4hD+Ct/wZT3smpjuGIldVA10NwfrqYeSNVtrecjx9s3iEaoHlAkEA\n"
    "vl2+WphS/OQoGXLIhEsnaBLNZ7z3AW7MS5rG7KD3W05AtcaU/p5E8pjv3tJNEFaM\n"
    "jYlB3ieo8fwdr4ZNO2truQJARzG0SR7XllsEzYXxlXtMB0Pjk+aqbNQaLVNjJieG\n"
    "lTlVSMmIpvw+Wc2tQh40PGVbCgCdbasoFfbMiQq60SagAQ==\n"
    "-----END RSA PRIVATE KEY-----\n";
static const char rsa_pkcs8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAMyxYBnkxUod5QhL\n"
    "YJHECXNn0UADWH2taYLC0Zh4c8jgW+5oUlMD+kGpuHa2v8Vydh1PteawLgzKVUJ7\n"
    "fwYOn+PpFdArzwSyExsHHAeYOIBIvYPFHEfcG7MVoDzS8/s0q8H92/zyPtg70VhV\n"
    "vKwiJz1R0fgVZCTb83E4z9tnx+X7AgMBAAECgYEAyKRVfwwwFyaWijrYvgla+jSZ\n"
    "eBXPd+Gzuukcakgnto+1jUvU5mrPs+2ZU0RvViuMe87WjvnDKeZrDG/hYx6SuiMD\n"
    "DYCmRxDnGPvf3b0KzD3LNQHKYJ6WaubofArehefnS8oJg44Jr0NnrR6IR1vefraj\n"
    "k9D6IqSq+qcaho9854ECQQDyxyXBRe/HsQKH7pTkD5yb+p2KjQ8zTc5NFFms1B1q\n"
    "qMRoXs4akaF3hxf4Cx+Lejyfrs88CmaFmVyZrfKOrspHAkEA19c9Tncyqcz7upFC\n"
    "YqOn5Yrn9lZ26wYXzYGcK3AztpNk717n+Vp2igx3DFAprcw0ERF0xSWCR4FL1Isf\n"
    "1XMsrQJBAIBnP9q3CJjPUA1g7DKq5yPAKy6qaI2z6xbtWniEP4K3/BlPeyamO4Yi\n"
    "V1UDXQ3B+uph5I1W2t5yPH2zeIRqgeUCQQC+Xb5amFL85CgZcsiESydoEs1nvPcB\n"
    "bsxLmsbsoPdbTkC1xpT+nkTymO/e0k0QVoyNiUHeJ6jx/B2vhk07a2u5AkBHMbRJ\n"
    "HteWWwTNhfGVe0wHQ+OT5qps1BotU2MmJ4aVOVVIyYim/D5Zza1CHjQ8ZVsKAJ1t\n"
    "qygV9syJCrrRJqAB\n"
    "-----END PRIVATE KEY-----\n";
static const char ed25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEILkrm3Nivvo/spiN9xrkmKn2xGzJtNP5p2JWjRD4oBaI\n"
    "-----END PRIVATE KEY-----\n";
static const char rsa_512[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAwUGgMfC7+N9KLu79\n"
    "0imyQhqMb6dPzlAcjqRSddDuDKnpDjRmjva/2+1ZuPksZE56CWQRIGvxIt0eiuFq\n"
    "vN18swIDAQABAkBKnqVVQyfBc644Kw2UjYcH4Spink7BUcuFBEvWtAKGnpTWJFyU\n"
    "793scAgJIoVi0TocK+BhF0xjr3RwoQZqcJapAiEA4aapnoT+XaeAVGvQT7563Ymc\n"
    "p9j5Y5H9Of74J2t0Bw0CIQDbP5b5hB+WNgZVKPT1Zkxk1W0QjALCi+3cy9+kQq6i\n"
    "vwIhAI2QPFuJvfbNbdIIrXBJ5NT1T0Vx9stDvGTVE6PPYsRFAiA0tdkKK+WcK2ji\n"
    "WHJr/SgopdcOv1p6g0Gwb6NYzl9F6QIgD/UZMWapz/SYBt55vjPZ2DVpGHO3lu4T\n"
    "Iu7KKXMz5L4=\n"
    "-----END PRIVATE KEY-----\n";
/* 4104 bits */
static const char rsa_large[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIJRgIBADANBgkqhkiG9w0BAQEFAASCCTAwggksAgEAAoICAgCVP6jE+u4f+Orb\n"
    "o9G1mhoCa6318BxTDfIVRjonwG01GrMUJ5NLamachc80mgiT1XFmvLDb8XOSCBkJ\n"
    "TcfJB4bmDRLk5K9A3JGGVOdkL55iGFdSKOQtAU6a6PlwoJ8PfUef7p9k9gRe6tnX\n"
    "CoqQOVzrGt4R2FpCVj9/D5k/E5bjcRZNvxzxf/bKBN5df4lBg5eg5IAJ9qEQVTzx\n"
    "HLZwn+eExzK1LwaCHH1HrB6qtHKUIn3ljwUcnDFV0CBthz7Iljitpuj6lsyvLAIF\n"
    "E3SjGZmolVf58ADEGkhBqH9xaVKH+tB6tgBbbfJfosau91EDATprtqo/i9GJIBq9\n"
    "BJRNs3OrgN/tmL7kDehR4E/lbd9odHHroZ3wf9PmVhIn/7CA6hHKKT4ktB0CQS0q\n"
    "06uuSk07HsCqlOtjueZfJBOJBdDfOe8lS06aGcFhwPzDN7ZASYz6X9/xn/wuOtUV\n"
    "01n3RYXVulKU4IBtxebyjrb0JzKCimdRIzG+ANEV4xROw1vrLRgRA+n0NWlsrocx\n"
    "yd+tWpYlVJfVb40XwxMDPTP1P61+2JdHfC0xta8jev+G+s0hLKiEiMXJ8bepKGvP\n"
    "XrxlvBGadvDX4L5eXvMxUG7TqzvH9rs0jo7E7ZZzbfMmlQg9KgyqqNoLZil0nUfJ\n"
    "Qv5hg1d5BZXyyKpEnkqu1xT7iahm5aUCAwEAAQKCAgEKVTAwxQOf7IqL/sU5yquy\n"
    "z7QpQwCfAmfob6Z+koytAMZ1poDE1563hu8Pv/tIit4xQ+6Fp6t96HgdRAiJIy+E\n"
    "dVLBzJBSkAK2N2IWtlJDjdZbzo9vizffMzJzyPcCKkT/blSUN5EZZi6DPAxYTFRh\n"
    "xYgq2Zz0G0cFm7WbH5bSc8Wcx9av5JFYLqqbdAUzZzIj9jXkGrJPcGtJ8RgzZ2qu\n"
    "r2DUGOedMe49fE3aOSh2l4W6UyLCNpEW1RQtqQ+gcQAHC7d1A+QzW3tfURfB4/eW\n"
    "q5I98E8JRJ2MiCccmbNYTTXKTRfsvImrc9hIDEDMUbUy+GBEioBM+09Gl07SK1Ke\n"
    "gxleYVlG7n3JWEHv5ox0IC0gjZ5cJ3RHRgQz1Os76iEFm7RbuxRuCTvAZLgDwOvS\n"
    "dyrgznjNIvHYq5llcBFZIyaeV+ruDkatlX0wnMlYdGTUpekPJsgGMcVbnNmZU1Kz\n"
    "CQNrVEVIg8Km8lYZA97wRgZ/QANqZCWLQ11GC0EPA6AnOipce0jvJVfOG254TrK8\n"
    "DokOuOYyVhc9mbGbQ2KdlD5dws+0dp0s+WhWEMSPEPupOT1EaSKsBs1xMo47QCMy\n"
    "dQJNS98BZRxHqWpDEDZM7IsC9VWFUIT45uSe5/HqkYvyvZwAMNHgkVzy9Ai9T6uD\n"
    "QQ9C43zFupkStlIFe1oxhKkCggEBDQ1TYkSYGP44oJ7GypeJCyFIDyJNTjW8qlq5\n"
    "cL7G7SDTc9rTe3uLy0/75rOQT55KJKy7DvEsVOXWCcOVrhDEIUVvUnfFI33jstU7\n"
    "ICCh9o4CFERFq2GiO0tpKiOqhR6v0X4a8ncvQdSpDPraXmtPepqy2VqvgkkxkB0H\n"
    "1O/W4uh8qoWYEMg3dFrz3kP8K4FPTJmP6Pe5TsQhkWiBr4BkAYLa8R66WCLfFYSN\n"
    "BI7qTi/s6oxtsowCGpANW1N28PZvNHLx8UOqMQqYljJxfR1+Ph96RAfMAoMe2teN\n"
    "VxZCrVx2yXimhwMbbh5NoKh5G1rrY0AmCsJAVd/I5A25fIq2IG0CggEBC29UTtfU\n"
    "C4419wwFPBROsjY8FKcuBCGrU1x9Ca+uFzzIAbbo7c5pCXKCulX2WLTCWETTnfqT\n"
    "twpYsidhlDfvLAeGzSOfnhr9So1660Db9zWyXGj8vxd+kTdOHU1dzznytXJE039V\n"
    "R5eHnSAEoLw+14DUB5drDP/n/yYybz3XLK6QrYpLmm3eMeyEJvWoSblneLQayeKc\n"
    "fO+zgfI+baq+g4WpkUdom3LtxSPkDNx1cECU+Mu1yzDVj6/VXbsttgy0nwXp/PJ1\n"
    "UaC6X0KMf3x9nB5xY4JZ+cV1ZDvs8KhG0/GX61tBXT+wKLcDbaeoX10qdF1VwyiX\n"
    "6v6CLF4zfMdtxxkCggEBAWWmwkMDYNF9cDvunWrhAW77jpsmWTPJURbK+LWDB4jW\n"
    "+XS35GTSDt4t4YDg9pTD7O8MSson66J6aaskz2/9/m23P8WQNX9ZKyBF5ud3TrPe\n"
    "pxqztmeJ/PzSce9FZmBlg3ATJFb7mPlRaxFC5I5qAH6knD1nwfNhucJRv0o43yrx\n"
    "hTMtlsZHoU3HAsiWKnX57gIV9GLn0/WMfksIbqe4jKzcEKkwWxTIej4o9g7yJ5Jb\n"
    "srN7Xnw8EWnP9DGX7q0CNEQFf8S1Z/BxaspVeYX5qF6oMLYA8VflqpkeCO9aDcJy\n"
    "+JfQg20it4PI3WSLKhFuVr5cFBS83DRLBZYuf5U9b3UCggEBCZNFNux2bOK9/8y6\n"
    "CXA74fGWZ/kCiIUlMR4OunC5SE4mcYEYFiK1RCr2m1BmhCuBXmbsCasNzMXGNhDS\n"
    "HkqkZes7j0ZYYA3bsnU8zAi46Y62d7mWg/IJk1KLf/AMMP4mZph0V+KVp+iUsBdi\n"
    "qLJZsR347w51nyIfxEHZE9vl9k2LazaWTo/X81hJ5VHqhSnTInk2wX2YaupSF+uh\n"
    "KTZEaGAh+TyhtSINRvrh+X8WfFQoKxpydd7DxpmIAwA9q+eBzHQoVx807JC54BEb\n"
    "E5pMmNHJQ3mhHI2j2rZvl6ph/RKek4AMASjWu5FdNpKhZJHgfia2LUEtzaMnoD2V\n"
    "wdRB8ekCggEBCN22F2CJfJ/G6nAmE3L3sutD5XHVJEJqzhP+1zH9KKY5cog9xUot\n"
    "O8idmqk7dBT0IbwiIjMHQDxwbi337Rc++CnnaFWjhpGK1EBP5jUoK3TLJYErYn79\n"
    "ERuSc/ct54XiJn0NSYgFRGczmX9GV0+bbPisFSAuZ7CeUWhLQQRuhR9Qf69T/g+Q\n"
    "sMWnA9Kof3ykDDumuavQ/QaiSgOcSSVhOxknlP0n10AphEfsAX2GNS617ObRnNpa\n"
    "CRJzaV9FQOdGSVKV0LutzyQEB055S+Q1wn9sU2aIQpDCxrjIbz5NbtJzZIlQQlY2\n"
    "NLaXDL1P4/XlZFi4gazMGWdx66y3hv6y5TU=\n"
    "-----END PRIVATE KEY-----\n";
static const char rsa_pss[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdAIBADALBgkqhkiG9w0BAQoEggJgMIICXAIBAAKBgQDydEpXHqSY7mAvZ0hR\n"
    "jPyol9Sr+OTHozYyR2MODaEiVxUqW2vDAxirLzoYF482SDcFSYu8Xj8C3BSZsHrd\n"
    "tZtq9IhciIu0bqMAAukP4dKmVnYmKpJs6LZRnnvWmG8qwIaQi4rGKnUjin6YApai\n"
    "zyFQo3+zpa9if981G918bPqfdQIDAQABAoGAal46fx4ieDWcXS+iuqRv9EcoNopr\n"
    "VGp2THilLHUuTDKIRpz1GgkxuWhuxEMRwW7NNLSfaXSvkEGdiA+016/lDpyt+1Jt\n"
    "TLySn3A4qMNl9xLt2ITFPLF5GUvdSPl/B1e/PeEQgIzJCQkh7lJDtUW8j3MRIuTD\n"
    "45iiX6yKqyWyjcECQQD/cj0ewIMuVHCCxBlTF3KCuFoId9eHB+JDQpTN310F1N2S\n"
    "AgCONo3nCVHDOhhs1F54YYFcYOgmKn+TSRPF37X7AkEA8vrXd62Rd01QXZjYZCWr\n"
    "RYXZ7bLcH9A+l0h1BC/HQh1ZOPF3I6Nk5eOdQMSciOQMq1OQ07eJ6NMfGxQgbCW1\n"
    "TwJAV1Iy6IdAkJ7W0yy7x3a1c1AXnttwtr0QMJPbEEExqGOq1lWO4Q5vFbJO2+DJ\n"
    "JrK2FIqoUO7jjOBsOen6M2MU7wJBAL1PTNM0yzJtbWEPNgGJC9FGAU5eXXz37dxG\n"
    "ms0hQJk1bo+cKlv88R7f4WRWCzPooipWGG+r/2oEG6coXj6EfqcCQEyws+yKlXKO\n"
    "sbPQaKSmaNa95OOnpng3Y4F3m5cgBXxh+3aicRdG7tgoW0PCvMldCo4933iGLn4r\n"
    "VHkb9v2d5R4=\n"
    "-----END PRIVATE KEY-----\n";
/* The modulus is another key's. */
static const char rsa_mixed[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXgIBAAKBgQDZQCtnKOCUVEYJ14EW7dynIx5Bg+eHoWXGbINBXdfNL/QB/lT+\n"
    "6F2T/h13bRJh0IuueGIMVptnB9JMkNsOn+C8b4uAwWREZ6aJ2HJxBgL+cjJDSQKk\n"
    "Uz10huOKaKnjABh/F8NqKvngfEMRBi2TozCOXE/i2K+pWTSOcpfMzm281QIDAQAB\n"
    "AoGBAMikVX8MMBcmloo62L4JWvo0mXgVz3fhs7rpHGpIJ7aPtY1L1OZqz7PtmVNE\n"
    "b1YrjHvO1o75wynmawxv4WMekrojAw2ApkcQ5xj73929Csw9yzUBymCelmrm6HwK\n"
    "3oXn50vKCYOOCa9DZ60eiEdb3n62o5PQ+iKkqvqnGoaPfOeBAkEA8sclwUXvx7EC\n"
    "h+6U5A+cm/qdio0PM03OTRRZrNQdaqjEaF7OGpGhd4cX+Asfi3o8n67PPApmhZlc\n"
    "ma3yjq7KRwJBANfXPU53MqnM+7qRQmKjp+WK5/ZWdusGF82BnCtwM7aTZO9e5/la\n"
    "dooMdwxQKa3MNBERdMUlgkeBS9SLH9VzLK0CQQCAZz/atwiYz1ANYOwyqucjwCsu\n"
    "qmiNs+sW7Vp4hD+Ct/wZT3smpjuGIldVA10NwfrqYeSNVtrecjx9s3iEaoHlAkEA\n"
    "vl2+WphS/OQoGXLIhEsnaBLNZ7z3AW7MS5rG7KD3W05AtcaU/p5E8pjv3tJNEFaM\n"
    "jYlB3ieo8fwdr4ZNO2truQJARzG0SR7XllsEzYXxlXtMB0Pjk+aqbNQaLVNjJieG\n"
    "lTlVSMmIpvw+Wc2tQh40PGVbCgCdbasoFfbMiQq60SagAQ==\n"
    "-----END RSA PRIVATE KEY-----\n";
static const char ecdsa[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIAl1p0doJt86saAp+i971R/3sPwwutJaafVbpG7gLSm3oAoGCCqGSM49\n"
    "AwEHoUQDQgAEDyuO1jdLNtvhN5dMNNEpANMnWvjd21thXGOMDz1RP7ngh/DOeyEH\n"
    "d/vP6SsnJ4mZ/1szCcpkAGpRQ5hTB50low==\n"
    "-----END EC PRIVATE KEY-----\n";
static const char encrypted_pkcs8[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgPbc+/2LpzvAICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECTJkPG5OX9ciYJaFt1Y+1UEQMiC\n"
    "ZVZ7KNNKCcuRgFvwodyzPXzCcyyQNbWL68PAi5sP7+glrL0WyVvpgHIO9vCOSjR0\n"
    "6C9IuqmypS2V5XqFf8k=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char encrypted_pkcs1[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,CD3D91F3D7EEFD60C2A7E9408DFAB271\n"
    "\n"
    "dilJfqUjQthJMKhREfySrrdttSxJ35l7904xYE/Ee+A4KzW0BmFkSq8ryr19ITE/\n"
    "HYPanvnJEPulaV66QDTGzTaTvrFyZpCAG5ZzZrvAhBAJmr0jnmZWMOWppFX1WpE2\n"
    "g6fjUUvHoD4NyB0hksKvIOnk86oefSoXbBuB9wbLuH9Jf5Sst5RToEsxdD3zGWHZ\n"
    "cJ1VzHRxaFf494JPx1zRR8pNXsqd3ZO/hzWjEPLL+xxzexa9unOHopGElKrXt0tk\n"
    "09rkRAcfuBDiGurCjhzCVpa8RmyL2dmLCD0qM7hDh7uyzyGablAhhwAsevLMxayc\n"
    "Gc1yiKUyTxxGzeP6tjASbRLjRHPYQ8SJG+028t3lrNIN0WApmM9MgO48CHn8vwvR\n"
    "jHJhQEyoRQgJK6o14nL+pQQCmnKmyhSpI27jKLwXYwU/Qi7d/5PzaG4756kmtgiq\n"
    "iHXmqeBJsWaM4J/rwdsyA4Mr/JoS9QWIEhHXfZzOD7c3iWqB0rIXXtaMnmJL1tO0\n"
    "iQpSL0NtOM9DPu2M591b+R/G0eaDCtICO6fo2YQpjKwk04N7j9sFp9S9CL9Owet4\n"
    "s/Xu0KLQivHlajRA6iIw+Zr6s7KQy4rQz1E2MQKkeFausI3s3dfJhQSVLIyL+S2g\n"
    "O0HLs5FXNhYp/6Wp0Su5Ijdt/gxSBoUCQVfVHgqR5vBZj7SR+VOexD5tUUXEaiZ+\n"
    "3dm8oKO2vi+QsfStxo9aNBVX7s5+ul32csCgii/FtJl31ymMO4O+oAO8SOuRa1l4\n"
    "wsrGqxmv8FXIzfH3eqSZfB5JtJlYAnn4cE0tr8ValS5J1JsL+XjLaLjd+svDtJAH\n"
    "-----END RSA PRIVATE KEY-----\n";
static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEALWhwlMJWFukd0MjlM8oh5zH6NrryOXrQWDr/xgqc9Fo=\n"
    "-----END PUBLIC KEY-----\n";

/* Of "abc". */
static const char rsa_signature[] =
    "i1AdVzaxQKockzMSOEDPNHhO3FUdSVtCDD5i/lGNFukYakVoSZ7oWoqS+4lqU6Hfha6mCeo47VfOGlJIE2hc8Btfp78hSWYC35kkLHZqIACJa3y08rRCBZVDf3/jCGkCoRc6//Xrde+EzVHpnphtfU2Vtk82ynU1qaycP+/MeKQ=";
static const char ed25519_signature[] =
    "1B8t1lvLdfmKQM2In08gKR7tLSjIqH3KbZlF6wpdVT9YNYE3sSXg70JXe7+F4mvvMfE4x9gm7OKb1nYHOfDMAA==";

static enum crypto_result
read_secret(struct arena *arena, const char *pem,
    struct crypto_secret **ret_secret, const char **ret_why)
{
	struct text copy = exact(text_from_cstr(pem));
	enum crypto_result result =
	    crypto_secret_read(arena, copy, ret_secret, ret_why);

	exact_free(copy);
	assert_int_equal(ERR_peek_error(), 0);
	return result;
}

/* --- what is a key --- */

static void
test_refused(void **state)
{
	static const struct {
		const char *pem;
		const char *why;
	} rows[] = {
	    {"", "no private key"},
	    {"nonsense\n", "no private key"},
	    {public_key, "no private key"},
	    {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no private key"},
	    {encrypted_pkcs8, "encrypted"},
	    {encrypted_pkcs1, "encrypted"},
	    {ecdsa, "neither RSA nor Ed25519"},
	    {rsa_pss, "neither RSA nor Ed25519"},
	    {rsa_512, "shorter than 1024"},
	    {rsa_large, "too large"},
	    {rsa_mixed, "does not verify"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		struct crypto_secret *secret;
		const char *why = "";
		assert_int_equal(read_secret(arena, rows[i].pem, &secret, &why),
		    CRYPTO_BROKEN);
		if (strstr(why, rows[i].why) == NULL)
			fail_msg("%zu: %s", i, why);
		arena_free(arena);
	}
}

/* --- signing --- */

static const struct signing_row {
	const char *pem;
	enum crypto_algorithm algorithm;
	const char *signature;
} signing_rows[] = {
    {rsa_pkcs1, CRYPTO_RSA_SHA256, rsa_signature},
    {rsa_pkcs8, CRYPTO_RSA_SHA256, rsa_signature},
    {ed25519, CRYPTO_ED25519_SHA256, ed25519_signature},
};

enum { SIGNING_ROWS = sizeof signing_rows / sizeof *signing_rows };

static struct crypto_secret *
good_secret(struct arena *arena, const char *pem)
{
	struct crypto_secret *secret = NULL;
	const char *why = "";

	if (read_secret(arena, pem, &secret, &why) != CRYPTO_GOOD)
		fail_msg("%s", why);
	return secret;
}

static void
check_signing(struct arena *arena, const struct signing_row *row)
{
	struct crypto_secret *secret = good_secret(arena, row->pem);
	const struct crypto_key *half = crypto_secret_key(secret);
	struct sha256 digest;
	struct text signature;
	struct text wanted;

	assert_int_equal(crypto_key_algorithm(half), row->algorithm);
	assert_true(crypto_sha256(TEXT("abc"), &digest));
	assert_true(
	    base64_read(arena, text_from_cstr(row->signature), &wanted));
	for (int i = 0; i < 2; i++) {
		assert_true(crypto_sign(secret, arena, &digest, &signature));
		assert_true(text_equal(signature, wanted));
	}
	assert_int_equal(crypto_verify(half, &digest, signature), CRYPTO_GOOD);
	digest.byte[0] ^= 1;
	assert_int_equal(
	    crypto_verify(half, &digest, signature), CRYPTO_BROKEN);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
test_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNING_ROWS; i++) {
		struct arena *arena = arena_new(ARENA_MAX);
		check_signing(arena, &signing_rows[i]);
		arena_free(arena);
	}
}

/* What is published is read back as the same key. */
static void
test_public(void **state)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct crypto_key *key;
	struct text base64;

	(void)state;
	struct text rsa = crypto_secret_public(good_secret(arena, rsa_pkcs1));
	assert_int_equal(crypto_key_read_rsa(arena, rsa, &key), CRYPTO_GOOD);
	assert_int_equal(crypto_key_bits(key), 1024);
	/* openssl pkey -pubout */
	struct text ed = crypto_secret_public(good_secret(arena, ed25519));
	assert_int_equal(crypto_key_read_ed25519(arena, ed, &key), CRYPTO_GOOD);
	size_t line = text_find(text_from_cstr(public_key), '\n') + 1;
	base64 = text_slice(text_from_cstr(public_key), line, line + 60);
	assert_true(base64_read(arena, base64, &base64));
	assert_true(text_ends_nocase(base64, ed));
	arena_free(arena);
}

static void
test_no_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNING_ROWS; i++) {
		enum crypto_result result = CRYPTO_UNABLE;
		for (size_t n = 1; result != CRYPTO_GOOD; n++) {
			struct arena *arena = arena_new(ARENA_MAX);
			struct crypto_secret *secret;
			const char *why = "";
			arena_fail_after(arena, n);
			result = read_secret(
			    arena, signing_rows[i].pem, &secret, &why);
			assert_int_not_equal(result, CRYPTO_BROKEN);
			arena_free(arena);
			assert_in_range(n, 1, 100);
		}
	}
}

static void
test_forget(void **state)
{
	char bytes[] = "secret";

	(void)state;
	crypto_forget(bytes, sizeof bytes);
	assert_memory_equal(bytes, "\0\0\0\0\0\0", sizeof bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_sign),
	    cmocka_unit_test(test_public),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
