// SPDX-License-Identifier: MIT
// What contracts do all day, compiled as they are: each run(n) repeats it n times and returns a result and the gas it took.
pragma solidity ^0.8.30;

contract Token {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    event Transfer(address indexed from, address indexed to, uint256 value);
    error Insufficient(uint256 have, uint256 want);

    function move(address from, address to, uint256 value) internal {
        uint256 have = balanceOf[from];
        if (have < value) revert Insufficient(have, value);
        balanceOf[from] = have - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }

    function transferFrom(address from, address to, uint256 value) public returns (bool) {
        allowance[from][address(this)] -= value;
        move(from, to, value);
        return true;
    }

    function run(uint256 n) external returns (uint256 result, uint256 used) {
        uint256 before = gasleft();
        for (uint256 i = 0; i < 8; i++) {
            balanceOf[address(uint160(0x1000 + i))] = 1 << 128;
            allowance[address(uint160(0x1000 + i))][address(this)] = 1 << 128;
        }
        for (uint256 i = 0; i < n; i++)
            transferFrom(address(uint160(0x1000 + (i & 7))), address(uint160(0x1000 + ((i * 5 + 1) & 7))), i + 1);
        for (uint256 i = 0; i < 8; i++) result = result * 31 + balanceOf[address(uint160(0x1000 + i))];
        used = before - gasleft();
    }
}

// Fixed-point prices as exchanges compute them: checked sums, a square root, mulDiv by remainders.
contract Exchange {
    function root(uint256 x) internal pure returns (uint256 y) {
        if (x == 0) return 0;
        y = x;
        for (uint256 z = x / 2 + 1; z < y; z = (x / z + z) / 2) y = z;
    }

    function amountOut(uint256 amount, uint256 reserveIn, uint256 reserveOut) internal pure returns (uint256) {
        uint256 withFee = amount * 997;
        return withFee * reserveOut / (reserveIn * 1000 + withFee);
    }

    function run(uint256 n) external view returns (uint256 result, uint256 used) {
        uint256 before = gasleft();
        uint256 a = 1e24;
        uint256 b = 3e24;
        for (uint256 i = 0; i < n; i++) {
            uint256 amount = 1e18 + (i % 97) * 1e15;
            uint256 out = amountOut(amount, a, b);
            a += amount;
            b -= out;
            if (i % 2 == 1) (a, b) = (b, a);
            if (i % 16 == 0) result += root(a * b / 1e9);
            result += mulmod(a, b, 1e18 + 9);
        }
        used = before - gasleft();
    }
}

// Memory arrays: filled from a generator, sorted, hashed.
contract Sorter {
    function sort(uint256[] memory list) internal pure {
        for (uint256 i = 1; i < list.length; i++) {
            uint256 key = list[i];
            uint256 j = i;
            for (; j > 0 && list[j - 1] > key; j--) list[j] = list[j - 1];
            list[j] = key;
        }
    }

    function run(uint256 n) external view returns (uint256 result, uint256 used) {
        uint256 before = gasleft();
        uint256[] memory list = new uint256[](32);
        for (uint256 i = 0; i < n; i++) {
            for (uint256 j = 0; j < list.length; j++) {
                unchecked { result = result * 6364136223846793005 + 1442695040888963407; }
                list[j] = result >> 128;
            }
            sort(list);
            result = uint256(keccak256(abi.encodePacked(result, list)));
        }
        used = before - gasleft();
    }
}
